#pragma once

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace acme {

/// The only source of time of a manager or client: certificate dates and waits between requests. (Network time limits
/// are the transport's own.)
///
/// Thread safety: all members may be called from any thread.
class clock
{
public:
    virtual ~clock() = default;

    /// The wall clock.
    virtual std::chrono::system_clock::time_point now() const noexcept = 0;

    /// Waits for `d`, measured by a clock that is never set. Cancellation: terminal; throws `operation_aborted`.
    virtual boost::asio::awaitable<void> async_wait(std::chrono::steady_clock::duration d) = 0;
};

/// The system's clocks.
std::shared_ptr<clock> system_clock();

/// A source of 64 uniformly random bits, callable from any thread. Used to spread waits; never for keys.
using random_source = std::function<std::uint64_t()>;

/// BoringSSL's generator.
random_source system_random();

} // namespace acme
