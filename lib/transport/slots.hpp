#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <memory>

namespace acme {

/// A number of places which coroutines of one strand occupy for a while; those that find none free wait in line.
class slots
{
    struct state;

public:
    /// A place taken. It is given back, to the first in line, when this object ends.
    class lease
    {
    public:
        lease() = default;
        lease(lease&& other) noexcept = default;
        lease& operator=(lease&& other) noexcept;
        ~lease();

        explicit operator bool() const noexcept { return state_ != nullptr; }

    private:
        friend class slots;
        explicit lease(std::shared_ptr<state> s) noexcept
            : state_(std::move(s))
        {}

        std::shared_ptr<state> state_;
    };

    explicit slots(std::size_t count);

    /// Returns an empty lease where none became free in time. Cancellation: terminal; throws `operation_aborted`.
    boost::asio::awaitable<lease> async_acquire(std::chrono::steady_clock::time_point until);
    boost::asio::awaitable<lease> async_acquire();

    /// Whether nobody holds or awaits a place.
    bool unused() const noexcept;

private:
    struct waiter;

    std::shared_ptr<state> state_;
};

} // namespace acme
