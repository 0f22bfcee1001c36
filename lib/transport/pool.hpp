#pragma once

#include "transport/connection.hpp"
#include "transport/slots.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace acme {

/// The kept-alive connections of one strand, by origin, and the limit on how many are in use.
class pool : public std::enable_shared_from_this<pool>
{
public:
    pool(boost::asio::any_io_executor executor, std::size_t max_connections,
        std::chrono::steady_clock::duration idle_timeout);

    /// Waits for the right to use a connection to this origin; the lease is empty where that took too long.
    boost::asio::awaitable<slots::lease> async_enter(std::string origin, std::chrono::steady_clock::time_point until);

    /// The connection to this origin that was used last and is still fit for use, or null.
    std::unique_ptr<connection> take(const std::string& origin);
    /// Keeps a connection for later.
    void keep(const std::string& origin, std::unique_ptr<connection> c);

private:
    struct entry
    {
        explicit entry(std::size_t max_connections)
            : places(max_connections)
        {}

        slots places;
        std::vector<std::unique_ptr<connection>> idle;
    };

    void expire();
    void watch();

    std::size_t max_connections_;
    std::chrono::steady_clock::duration idle_timeout_;
    std::map<std::string, entry> origins_;
    boost::asio::steady_timer timer_;
    bool watching_ = false;
};

} // namespace acme
