#include "transport/slots.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <list>
#include <utility>

namespace acme {

namespace asio = boost::asio;

struct slots::state
{
    explicit state(std::size_t n)
        : count(n)
        , free(n)
    {}

    const std::size_t count;
    std::size_t free;
    std::list<waiter*> line;
};

// Takes itself out of the line, and gives back what it was granted, also when its coroutine is destroyed while it
// waits.
struct slots::waiter
{
    waiter(asio::any_io_executor executor, std::shared_ptr<state> s)
        : event(std::move(executor))
        , line_owner(std::move(s))
        , place(line_owner->line.insert(line_owner->line.end(), this))
    {}
    ~waiter()
    {
        if (in_line)
            line_owner->line.erase(place);
    }
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    asio::steady_timer event;
    std::shared_ptr<state> line_owner;
    std::list<waiter*>::iterator place;
    bool in_line = true;
    lease granted;
};

slots::lease& slots::lease::operator=(lease&& other) noexcept
{
    lease old(std::move(*this));
    state_ = std::move(other.state_);
    return *this;
}

slots::lease::~lease()
{
    if (!state_)
        return;
    if (state_->line.empty()) {
        ++state_->free;
        return;
    }
    waiter* next = state_->line.front();
    state_->line.pop_front();
    next->in_line = false;
    next->granted.state_ = std::move(state_);
    next->event.cancel();
}

slots::slots(std::size_t count)
    : state_(std::make_shared<state>(count == 0 ? 1 : count))
{}

bool slots::unused() const noexcept
{
    return state_->free == state_->count;
}

asio::awaitable<slots::lease> slots::async_acquire()
{
    return async_acquire(std::chrono::steady_clock::time_point::max());
}

asio::awaitable<slots::lease> slots::async_acquire(std::chrono::steady_clock::time_point until)
{
    if (state_->free > 0) {
        --state_->free;
        co_return lease(state_);
    }
    waiter self(co_await asio::this_coro::executor, state_);
    self.event.expires_at(until);
    boost::system::error_code ec;
    co_await self.event.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    if (!self.granted && ec)
        throw boost::system::system_error(ec);
    co_return std::move(self.granted);
}

} // namespace acme
