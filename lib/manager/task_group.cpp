#include "manager/task_group.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>

namespace acme {

struct task_group::state
{
    explicit state(const strand& s)
        : empty(s, asio::steady_timer::time_point::max())
    {}

    std::list<std::shared_ptr<strand_task>> tasks;
    asio::steady_timer empty;
    bool closed = false;
};

task_group::member::member(std::shared_ptr<state> all)
    : all_(std::move(all))
    , position_(all_->tasks.insert(all_->tasks.end(), std::make_shared<strand_task>()))
{}

task_group::member::~member()
{
    (*position_)->done = true;
    all_->tasks.erase(position_);
    if (all_->tasks.empty())
        all_->empty.cancel();
}

bool task_group::member::closed() const noexcept
{
    return all_->closed;
}

task_group::task_group(strand s)
    : strand_(std::move(s))
    , state_(std::make_shared<state>(strand_))
{}

void task_group::spawn(asio::awaitable<void> operation)
{
    if (state_->closed)
        return;
    auto entry = std::make_shared<member>(state_);
    auto finished = [entry](std::exception_ptr) {};
    asio::co_spawn(strand_, posted(std::move(operation)),
        asio::bind_cancellation_slot(entry->task()->signal.slot(), std::move(finished)));
}

void task_group::close()
{
    state_->closed = true;
    auto tasks = state_->tasks;
    for (auto& each : tasks)
        each->cancel();
}

asio::awaitable<void> task_group::async_wait_empty()
{
    auto all = state_;
    while (!all->tasks.empty())
        co_await all->empty.async_wait(asio::as_tuple(asio::use_awaitable));
}

} // namespace acme
