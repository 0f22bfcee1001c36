#include <acme/testing/manual_clock.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

namespace acme::testing {

namespace asio = boost::asio;

struct manual_clock::waiter
{
    explicit waiter(asio::any_io_executor executor)
        : event(std::in_place, std::move(executor), std::chrono::steady_clock::time_point::max())
    {}

    std::mutex mutex;
    // It goes with its coroutine, which may end with its context, while the clock goes on.
    std::optional<asio::steady_timer> event;
    bool due = false;
    // Whether the clock's queue has it; guarded by the clock's mutex.
    bool queued = false;
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

// All under its mutex.
struct manual_clock::schedule
{
    explicit schedule(time_point start)
        : wall(start)
    {}

    void advance(duration d)
    {
        steady += d;
        wall += std::chrono::duration_cast<time_point::duration>(d);
        wake_due();
    }

    // The waiter's own executor ends its wait, after the coroutine has begun it.
    void wake_due()
    {
        while (!waiters.empty() && waiters.begin()->first <= steady) {
            const std::shared_ptr<waiter> w = std::move(waiters.begin()->second);
            waiters.erase(waiters.begin());
            w->queued = false;
            const std::lock_guard lock(w->mutex);
            if (!w->event)
                continue;
            asio::post(w->event->get_executor(), [w] {
                w->due = true;
                if (w->event)
                    w->event->cancel();
            });
        }
    }

    std::mutex mutex;
    time_point wall;
    duration steady{};
    std::multimap<duration, std::shared_ptr<waiter>> waiters;
};

// Strikes the waiter off also where its coroutine is destroyed.
struct manual_clock::registration
{
    registration(std::shared_ptr<schedule> s_, std::shared_ptr<waiter> w_, duration d)
        : s(std::move(s_))
        , w(std::move(w_))
    {
        const std::lock_guard lock(s->mutex);
        // Past every representable moment it is a wait for good.
        const duration longest = duration::max() - s->steady;
        place = s->waiters.emplace(s->steady + std::min(d, longest), w);
        w->queued = true;
        s->wake_due();
    }
    ~registration()
    {
        const std::lock_guard lock(s->mutex);
        if (w->queued)
            s->waiters.erase(place);
    }
    registration(const registration&) = delete;
    registration& operator=(const registration&) = delete;

    std::shared_ptr<schedule> s;
    std::shared_ptr<waiter> w;
    std::multimap<duration, std::shared_ptr<waiter>>::iterator place;
};

manual_clock::manual_clock(time_point start)
    : schedule_(std::make_shared<schedule>(start))
{}

manual_clock::~manual_clock() = default;

manual_clock::time_point manual_clock::now() const noexcept
{
    const std::lock_guard lock(schedule_->mutex);
    return schedule_->wall;
}

std::size_t manual_clock::waiting() const
{
    const std::lock_guard lock(schedule_->mutex);
    return schedule_->waiters.size();
}

manual_clock::duration manual_clock::elapsed() const
{
    const std::lock_guard lock(schedule_->mutex);
    return schedule_->steady;
}

void manual_clock::set(time_point t)
{
    const std::lock_guard lock(schedule_->mutex);
    schedule_->wall = t;
}

asio::awaitable<void> manual_clock::async_wait(duration d)
{
    const auto self = std::make_shared<waiter>(co_await asio::this_coro::executor);
    const registration guard(schedule_, self, d);
    const in_frame<waiter> end(self);
    boost::system::error_code ec;
    co_await self->event->async_wait(asio::redirect_error(asio::use_awaitable, ec));
    if (!self->due)
        throw boost::system::system_error(ec);
}

void manual_clock::advance(duration d)
{
    const std::lock_guard lock(schedule_->mutex);
    schedule_->advance(d);
}

bool manual_clock::advance_to_next()
{
    const std::lock_guard lock(schedule_->mutex);
    if (schedule_->waiters.empty())
        return false;
    const duration d = std::max(duration::zero(), schedule_->waiters.begin()->first - schedule_->steady);
    schedule_->advance(d);
    return true;
}

namespace {

// False where nothing happened within `patience`.
bool run_some(asio::io_context& io, std::chrono::milliseconds patience)
{
    if (io.poll() > 0)
        return true;
    return patience.count() > 0 && !io.stopped() && io.run_one_for(patience) > 0;
}

} // namespace

void manual_clock::run(asio::io_context& io, const std::function<bool()>& done, std::chrono::milliseconds patience,
    std::chrono::seconds limit)
{
    const auto end = std::chrono::steady_clock::now() + limit;
    io.restart();
    while (!done || !done()) {
        if (std::chrono::steady_clock::now() > end)
            throw std::runtime_error("the test takes longer than its limit of real time");
        if (done ? io.poll_one() > 0 || run_some(io, patience) : run_some(io, patience))
            continue;
        if (io.stopped())
            return;
        if (!advance_to_next() && io.run_one_for(std::chrono::seconds(5)) == 0 && !io.stopped())
            throw std::runtime_error("something waits for what never comes");
    }
}

} // namespace acme::testing
