#pragma once

#include <acme/clock.hpp>
#include <acme/error.hpp>
#include <acme/resource.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <optional>
#include <utility>

namespace acme {

/// How long to wait before a request that failed like this, for the `failures`th time in a row, and that may be
/// repeated, is sent again. Empty where that is no use: the CA refused, or asks for more time than an order can wait.
std::optional<std::chrono::milliseconds> repeat_delay(const error& e, unsigned failures, time_point now);

/// Awaits what `ask` returns; asks again, a few times, where the answer was lost or the CA is in trouble.
template <class Ask>
auto async_patiently(clock& c, Ask ask) -> decltype(ask())
{
    for (unsigned failures = 1;; ++failures) {
        std::optional<std::chrono::milliseconds> delay;
        try {
            co_return co_await ask();
        } catch (const error& e) {
            delay = repeat_delay(e, failures, c.now());
            if (!delay)
                throw;
        }
        co_await c.async_wait(*delay);
    }
}

} // namespace acme
