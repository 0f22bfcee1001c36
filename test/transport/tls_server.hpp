#pragma once

#include "kit/make_chain.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace acme::test {

namespace asio = boost::asio;
using tls_stream = asio::ssl::stream<asio::ip::tcp::socket>;

/// A chain that is valid at the real present.
made_chain chain_for_now(std::vector<std::string> names, std::chrono::hours leaf_ends_in = std::chrono::hours(24));

/// A TLS server on a loopback port, as good or bad as its behaviour.
class tls_server : public std::enable_shared_from_this<tls_server>
{
public:
    /// What happens on one connection, counted from 1, after its handshake. The connection ends, without close_notify,
    /// with it.
    using behaviour = std::function<asio::awaitable<void>(tls_stream& s, std::size_t connection)>;

    static std::shared_ptr<tls_server> start(
        asio::io_context& io, const made_chain& chain, behaviour b, const std::string& address = "127.0.0.1");

    /// "https://" host ":" port.
    std::string origin(const std::string& host = "127.0.0.1") const;
    unsigned short port() const { return port_; }

    std::size_t connections = 0;
    std::size_t open = 0;
    /// As they came, header and body.
    std::vector<std::string> requests;

    /// Reads one request; empty at the end of the stream.
    asio::awaitable<std::string> async_read_request(tls_stream& s);

    asio::ssl::context context{asio::ssl::context::tls_server};
    /// Whether to leave the TLS handshake to the behaviour.
    bool plain = false;

private:
    tls_server() = default;
    asio::awaitable<void> accept(asio::ip::tcp::acceptor acceptor);
    asio::awaitable<void> serve(asio::ip::tcp::socket socket, std::size_t number);

    unsigned short port_ = 0;
    behaviour behaviour_;
};

/// Answers every request of a connection with the same octets.
tls_server::behaviour answering(std::shared_ptr<tls_server>& server, std::string answer);

/// A whole answer.
std::string http_answer(
    const std::string& body, const std::string& more_fields = {}, const std::string& status = "200 OK");

} // namespace acme::test
