#pragma once

#include <acme/key.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace acme {

/// What a CA's validation does, done from here. Empty where `where` answered as expected in time, else a few words on
/// what it did. Cancellation: terminal; throws `operation_aborted`.

/// A tls-alpn-01 handshake (RFC 8737 section 3) with whoever has this key. `prepare` is called once there is a
/// connection.
boost::asio::awaitable<std::optional<std::string>> async_probe_tls_alpn(boost::asio::ip::tcp::endpoint where,
    std::string server_name, key expected, std::function<void()> prepare, std::chrono::steady_clock::time_point until);

/// An http-01 request (RFC 8555 section 8.3) that expects this key authorization. `token` is in base64url.
boost::asio::awaitable<std::optional<std::string>> async_probe_http(boost::asio::ip::tcp::endpoint where,
    std::string host, std::string token, std::string expected, std::chrono::steady_clock::time_point until);

/// All of them side by side, at least one: empty once one succeeds, which cancels the others; otherwise what each
/// found.
boost::asio::awaitable<std::vector<std::string>> async_first_success(
    std::vector<boost::asio::awaitable<std::optional<std::string>>> probes);

} // namespace acme
