#include "manager/task_group.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>

namespace acme {

struct task_group::task
{
    asio::cancellation_signal signal;
};

struct task_group::state
{
    explicit state(const strand& s)
        : empty(s, asio::steady_timer::time_point::max())
    {}

    std::list<std::shared_ptr<task>> tasks;
    asio::steady_timer empty;
    bool closed = false;
};

task_group::task_group(strand s)
    : strand_(std::move(s))
    , state_(std::make_shared<state>(strand_))
{}

void task_group::spawn(asio::awaitable<void> operation)
{
    if (state_->closed)
        return;
    auto entry = std::make_shared<task>();
    state_->tasks.push_back(entry);
    auto position = std::prev(state_->tasks.end());
    auto finished = [all = state_, entry, position](std::exception_ptr) {
        all->tasks.erase(position);
        if (all->tasks.empty())
            all->empty.cancel();
    };
    asio::co_spawn(
        strand_, std::move(operation), asio::bind_cancellation_slot(entry->signal.slot(), std::move(finished)));
}

void task_group::close()
{
    state_->closed = true;
    auto tasks = state_->tasks;
    for (auto& each : tasks)
        each->signal.emit(asio::cancellation_type::terminal);
}

asio::awaitable<void> task_group::async_wait_empty()
{
    auto all = state_;
    while (!all->tasks.empty())
        co_await all->empty.async_wait(asio::as_tuple(asio::use_awaitable));
}

} // namespace acme
