#pragma once

#include "kit/make_chain.hpp"

#include <acme/clock.hpp>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace acme::test {

/// A clock that is moved by hand. Thread safety: all members may be called from any thread.
class manual_clock : public acme::clock
{
public:
    using time_point = std::chrono::system_clock::time_point;
    using duration = std::chrono::steady_clock::duration;

    explicit manual_clock(time_point start = chain_time);
    ~manual_clock() override;

    time_point now() const noexcept override;
    boost::asio::awaitable<void> async_wait(duration d) override;

    /// Moves the time ahead; wakes every wait whose end is reached.
    void advance(duration d);
    /// Moves the time to the end of the wait that ends first. False where nobody waits.
    bool advance_to_next();
    /// Sets the wall clock, as an administrator would: waits do not notice.
    void set(time_point t);
    /// How many wait now.
    std::size_t waiting() const;
    /// How far the waits' clock was moved since the start.
    duration elapsed() const;

    /// Runs the io_context until it has no more work, or `done` says so; whenever it is idle, time jumps to the end of
    /// the wait that ends first. Throws `std::runtime_error` after a minute of real time, or when it is idle with
    /// nobody waiting.
    void run(boost::asio::io_context& io, const std::function<bool()>& done = {});

private:
    struct waiter;
    struct registration;

    void wake_due();

    mutable std::mutex mutex_;
    time_point wall_;
    duration steady_{};
    std::vector<std::shared_ptr<waiter>> waiters_;
};

} // namespace acme::test
