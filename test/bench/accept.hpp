#pragma once

#include "figure.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include <csignal>
#include <cstdio>

/// What the server under measurement and the bare one have in common.
namespace acme::bench {

namespace asio = boost::asio;
using asio::ip::tcp;
using tls_stream = boost::beast::ssl_stream<boost::beast::tcp_stream>;

/// Accepts for ever, and hands each connection on.
template <class Handler>
asio::awaitable<void> accept(tcp::acceptor& acceptor, Handler handle)
{
    for (;;)
        handle(co_await acceptor.async_accept(asio::use_awaitable));
}

inline tcp::acceptor listen(asio::io_context& io, unsigned short port)
{
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), port));
    std::printf("port %u\n", static_cast<unsigned>(acceptor.local_endpoint().port()));
    std::fflush(stdout);
    return acceptor;
}

/// Runs until SIGTERM: the process ends in an orderly manner, so that a profiler can write what it has.
inline void run_until_told(asio::io_context& io)
{
    asio::signal_set end(io, SIGTERM);
    end.async_wait([&io](const boost::system::error_code&, int) { io.stop(); });
    io.run();
}

} // namespace acme::bench
