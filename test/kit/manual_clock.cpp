#include "kit/manual_clock.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

namespace acme::test {

namespace asio = boost::asio;

struct manual_clock::waiter
{
    waiter(asio::any_io_executor executor, duration end_)
        : event(std::in_place, std::move(executor), std::chrono::steady_clock::time_point::max())
        , end(end_)
    {}

    std::mutex mutex;
    // It goes with its coroutine, which may end with its context, while the clock goes on.
    std::optional<asio::steady_timer> event;
    duration end;
    bool due = false;
};

namespace {

template <class Waiter>
struct in_frame
{
    explicit in_frame(std::shared_ptr<Waiter> w)
        : waiting(std::move(w))
    {}
    ~in_frame()
    {
        const std::lock_guard lock(waiting->mutex);
        waiting->event.reset();
    }
    in_frame(const in_frame&) = delete;
    in_frame& operator=(const in_frame&) = delete;

    std::shared_ptr<Waiter> waiting;
};

} // namespace

// Strikes the waiter off also where its coroutine is destroyed.
struct manual_clock::registration
{
    registration(manual_clock& c, std::shared_ptr<waiter> w_)
        : clock(c)
        , w(std::move(w_))
    {
        const std::lock_guard lock(clock.mutex_);
        w->end += clock.steady_;
        clock.waiters_.push_back(w);
        clock.wake_due();
    }
    ~registration()
    {
        const std::lock_guard lock(clock.mutex_);
        std::erase(clock.waiters_, w);
    }
    registration(const registration&) = delete;
    registration& operator=(const registration&) = delete;

    manual_clock& clock;
    std::shared_ptr<waiter> w;
};

manual_clock::manual_clock(time_point start)
    : wall_(start)
{}

manual_clock::~manual_clock() = default;

manual_clock::time_point manual_clock::now() const noexcept
{
    const std::lock_guard lock(mutex_);
    return wall_;
}

std::size_t manual_clock::waiting() const
{
    const std::lock_guard lock(mutex_);
    return waiters_.size();
}

manual_clock::duration manual_clock::elapsed() const
{
    const std::lock_guard lock(mutex_);
    return steady_;
}

void manual_clock::set(time_point t)
{
    const std::lock_guard lock(mutex_);
    wall_ = t;
}

asio::awaitable<void> manual_clock::async_wait(duration d)
{
    const auto self = std::make_shared<waiter>(co_await asio::this_coro::executor, d);
    const registration guard(*this, self);
    const in_frame<waiter> end(self);
    boost::system::error_code ec;
    co_await self->event->async_wait(asio::redirect_error(asio::use_awaitable, ec));
    if (!self->due)
        throw boost::system::system_error(ec);
}

// The waiter's own executor ends its wait, after the coroutine has begun it.
void manual_clock::wake_due()
{
    std::erase_if(waiters_, [this](const std::shared_ptr<waiter>& w) {
        const std::lock_guard lock(w->mutex);
        if (!w->event)
            return true;
        if (w->end > steady_)
            return false;
        asio::post(w->event->get_executor(), [w] {
            w->due = true;
            if (w->event)
                w->event->cancel();
        });
        return true;
    });
}

void manual_clock::advance(duration d)
{
    const std::lock_guard lock(mutex_);
    steady_ += d;
    wall_ += std::chrono::duration_cast<time_point::duration>(d);
    wake_due();
}

bool manual_clock::advance_to_next()
{
    const std::lock_guard lock(mutex_);
    std::erase_if(waiters_, [](const std::shared_ptr<waiter>& w) {
        const std::lock_guard lock_waiter(w->mutex);
        return !w->event;
    });
    if (waiters_.empty())
        return false;
    const auto first = std::min_element(
        waiters_.begin(), waiters_.end(), [](const auto& a, const auto& b) { return a->end < b->end; });
    const duration d = std::max(duration::zero(), (*first)->end - steady_);
    steady_ += d;
    wall_ += std::chrono::duration_cast<time_point::duration>(d);
    wake_due();
    return true;
}

void manual_clock::run(asio::io_context& io, const std::function<bool()>& done)
{
    const auto limit = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    io.restart();
    while (!done || !done()) {
        if (std::chrono::steady_clock::now() > limit)
            throw std::runtime_error("the test takes more than a minute");
        if (io.poll_one() > 0)
            continue;
        if (io.stopped())
            return;
        // Another thread, or a real socket, may be about to have something to say.
        if (io.run_one_for(std::chrono::milliseconds(1)) > 0)
            continue;
        if (!advance_to_next() && io.run_one_for(std::chrono::seconds(5)) == 0 && !io.stopped())
            throw std::runtime_error("something waits for what never comes");
    }
}

} // namespace acme::test
