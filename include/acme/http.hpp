#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <cstdint>
#include <optional>

namespace acme {

class credentials;
class manager;

using http_request = boost::beast::http::request<boost::beast::http::string_body>;
using http_response = boost::beast::http::response<boost::beast::http::string_body>;

/// Answers a plain HTTP request with a redirect to the same resource over HTTPS: 301 for GET and HEAD, 308 (which keeps
/// method and body) for other methods.
///
/// The host is the one the client asked for: of the Host field (RFC 9112 section 3.2), or of the request target where
/// that is in absolute form. Its port is dropped, `https_port` is added where it is not 443. Path and query are kept as
/// they are. The answer to HEAD has the length of a body, and none. Answers 400 instead where the host is absent, given
/// twice, or neither a DNS name nor an IP address (IPv6 in brackets), for CONNECT, and for a target with a character
/// that no URL may have; so nothing of a request reaches `Location` that a URL may not contain. The body does not
/// repeat anything of the request.
///
/// Thread safety: any thread. Throws `std::bad_alloc` only.
http_response redirect_http(const boost::beast::http::request_header<>& request, std::uint16_t https_port = 443);

/// Answers a CA's http-01 validation (RFC 8555 section 8.3) at port 80; ask it before `redirect_http`:
///
///     auto response = acme::answer_http_challenge(request, certificates);
///     if (!response)
///         response = acme::redirect_http(request);
///
/// A GET or HEAD for `/.well-known/acme-challenge/TOKEN` with a pending token gets the key authorization with status
/// 200; the answer to HEAD has its length, and no body. Everything else whose path begins with
/// `/.well-known/acme-challenge/` gets 404, never a redirect: other tokens and methods, and every other spelling, since
/// nothing is decoded. The host, of the Host field or of a target in absolute form, does not matter. Empty for all
/// other paths.
///
/// A token is pending from before its CA is told to validate until `config::challenge_grace` after its authorization is
/// final. That a manager's orders use http-01 at all takes `manager::answering_http_challenges` or
/// `config::challenge_types`.
///
/// Thread safety: any thread; never waits for the manager. Throws `std::bad_alloc` only.
std::optional<http_response> answer_http_challenge(
    const boost::beast::http::request_header<>& request, const credentials& pending);

/// The same for a manager, which is told of a validation that is answered (`manager::validation_answered`).
std::optional<http_response> answer_http_challenge(
    const boost::beast::http::request_header<>& request, manager& certificates);

/// The same for one of several servers that share a store: a token that is not known here, and may be another server's,
/// is waited for (`manager::async_find_http_challenge`, which counts the waits of a client whose address is known).
/// `request` and `certificates` must outlive the call. Throws `acme::error` with `errc::shut_down`. Cancellation:
/// terminal.
boost::asio::awaitable<std::optional<http_response>> async_answer_http_challenge(
    const boost::beast::http::request_header<>& request, manager& certificates,
    std::optional<boost::asio::ip::address> client_address = std::nullopt);

} // namespace acme
