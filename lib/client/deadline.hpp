#pragma once

#include "transport/posted.hpp"

#include <acme/clock.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <tuple>
#include <utility>

namespace acme {

/// Awaits `work`, and cancels it when `limit` has passed; the result is then empty. Throws what `work` throws.
template <class T>
boost::asio::awaitable<std::optional<T>> async_within(
    clock& c, std::chrono::seconds limit, boost::asio::awaitable<T> work)
{
    namespace asio = boost::asio;
    const auto executor = co_await asio::this_coro::executor;
    auto group =
        asio::experimental::make_parallel_group(asio::co_spawn(executor, posted(std::move(work)), asio::deferred),
            asio::co_spawn(executor, posted(c.async_wait(limit)), asio::deferred));
    auto outcome = co_await group.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    auto& [order, failure, result, timer_failure] = outcome;
    if (!failure)
        co_return std::optional<T>(std::move(result));
    const bool too_late = order[0] == 1 && !timer_failure;
    if (!too_late)
        std::rethrow_exception(failure);
    co_return std::nullopt;
}

} // namespace acme
