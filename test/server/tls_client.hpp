#pragma once

#include "server/bench.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <openssl/ssl.h>

#include <optional>
#include <string>
#include <vector>

namespace acme::test {

using asio::ip::tcp;

/// What a TLS client is to offer.
struct client_offer
{
    /// None where empty.
    std::string server_name;
    std::vector<std::string> protocols;
    int version = TLS1_3_VERSION;
    /// A session of an earlier connection.
    SSL_SESSION* session = nullptr;

    client_offer() = default;
    explicit client_offer(std::string name, int v = TLS1_3_VERSION)
        : server_name(std::move(name))
        , version(v)
    {}
};

/// What came of it.
struct client_result
{
    boost::system::error_code error;
    /// The alert that the client was sent, by its number.
    std::optional<int> alert;
    std::string protocol;
    /// The names of the server's certificate.
    std::vector<std::string> names;
    /// Whether the certificate has RFC 8737's extension.
    bool for_challenge = false;
    bool resumed = false;
    int version = 0;
    bssl::UniquePtr<SSL_SESSION> session;
    std::string text;
};

/// A TLS client that connects to `port` of this machine, makes its handshake, and reads what the server sends, to the
/// end.
asio::awaitable<client_result> connect_tls(std::uint16_t port, client_offer offer);

/// The same, which then sends `octets`, and returns all that comes back.
asio::awaitable<std::string> talk_tls(
    std::uint16_t port, std::string octets, std::string server_name, std::string from = "127.0.0.1");
asio::awaitable<std::string> talk_tcp(std::uint16_t port, std::string octets);

/// Connects from that address of this machine.
asio::awaitable<void> connect_tcp(tcp::socket& socket, std::uint16_t port, std::string from = "127.0.0.1");

} // namespace acme::test
