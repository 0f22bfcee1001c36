#pragma once

#include "server/session_group.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <vector>

namespace acme {

/// Listening sockets for `wanted`, or for `port` on all addresses of the machine where that is empty. Throws
/// `boost::system::system_error` with the address in its text.
std::vector<asio::ip::tcp::acceptor> listen(
    asio::any_io_executor executor, const std::vector<asio::ip::tcp::endpoint>& wanted, std::uint16_t port);

/// What is done with a connection.
using serve_connection = std::function<asio::awaitable<void>(std::shared_ptr<session>, asio::ip::tcp::socket)>;
using report_failure = std::function<void(std::exception_ptr, const asio::ip::tcp::endpoint&)>;

/// Accepts connections until it is cancelled. A failure to accept is reported and waited out.
asio::awaitable<void> accept_connections(asio::ip::tcp::acceptor& acceptor, std::shared_ptr<session_group> sessions,
    serve_connection serve, report_failure report);

} // namespace acme
