#pragma once

#include <acme/clock.hpp>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace acme::testing {

/// A clock that is moved by hand, for `config::clock`: 90 days pass as fast as the work in them is done. Moving it
/// costs O(log n) for each of the n waits that it ends.
///
/// Thread safety: all members may be called from any thread; `run` as `io_context::run`.
/// Cancellation: terminal.
/// Lifetime: the clock and the executors of its waits may end in any order; a wait that outlives its clock ends by
///     cancellation, or with its executor.
class manual_clock : public acme::clock
{
public:
    using time_point = std::chrono::system_clock::time_point;
    using duration = std::chrono::steady_clock::duration;

    /// 2026-06-01 00:00:00 UTC.
    static constexpr time_point default_start = std::chrono::sys_days(std::chrono::year(2026) / std::chrono::June / 1);

    explicit manual_clock(time_point start = default_start);
    ~manual_clock() override;

    time_point now() const noexcept override;
    boost::asio::awaitable<void> async_wait(duration d) override;

    /// Moves the time ahead; ends every wait whose end is reached.
    void advance(duration d);
    /// Moves the time to the end of the wait that ends first. False where nobody waits.
    bool advance_to_next();
    /// Sets the wall clock, as an administrator would: waits do not notice.
    void set(time_point t);
    /// How many wait now.
    std::size_t waiting() const;
    /// How far the waits' clock was moved since the start.
    duration elapsed() const;

    /// Runs the io_context until it has no more work, or `done` says so; whenever it has been idle for `patience` of
    /// real time, time jumps to the end of the wait that ends first. Zero will do where there are neither other threads
    /// nor sockets. Throws `std::runtime_error` after `limit` of real time, or when it is idle with nobody waiting.
    void run(boost::asio::io_context& io, const std::function<bool()>& done = {},
        std::chrono::milliseconds patience = std::chrono::milliseconds(1),
        std::chrono::seconds limit = std::chrono::minutes(1));

private:
    struct waiter;
    struct schedule;
    struct registration;

    // Shared with the waits.
    std::shared_ptr<schedule> schedule_;
};

} // namespace acme::testing
