#pragma once

#include <boost/asio/ip/address.hpp>

#include <optional>
#include <string>
#include <utility>

namespace acme {

/// What a manager is told of a handshake that waits.
struct client_hello
{
    /// SNI as it came.
    std::string server_name;
    /// The client's, where it is known.
    std::optional<boost::asio::ip::address> client_address;

    client_hello() = default;
    explicit client_hello(std::string server_name_)
        : server_name(std::move(server_name_))
    {}
};

} // namespace acme
