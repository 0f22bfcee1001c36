#pragma once

#include "server/session.hpp"

#include <acme/manager.hpp>
#include <acme/serve.hpp>
#include <acme/tls.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include <exception>
#include <memory>

namespace acme {

/// What all connections of a server share.
struct server
{
    server(manager& m, http_application a, serve_options o);

    /// Tells `serve_options::on_error`.
    void report(std::exception_ptr failure, const asio::ip::tcp::endpoint& peer) const noexcept;

    manager& certificates;
    const http_application application;
    const serve_options options;
    /// Set before connections are accepted.
    std::uint16_t redirect_port;
    const std::shared_ptr<clock> time;
    const std::shared_ptr<acme::ticket_keys> ticket_keys;
    asio::ssl::context tls;
    const std::shared_ptr<handshake_waiters> waiting;
};

/// Serves one connection to its end.
asio::awaitable<void> serve_https_connection(
    std::shared_ptr<const server> all, std::shared_ptr<session> self, asio::ip::tcp::socket socket);
asio::awaitable<void> serve_http_connection(
    std::shared_ptr<const server> all, std::shared_ptr<session> self, asio::ip::tcp::socket socket);

} // namespace acme
