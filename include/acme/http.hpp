#pragma once

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <cstdint>

namespace acme {

using http_request = boost::beast::http::request<boost::beast::http::string_body>;
using http_response = boost::beast::http::response<boost::beast::http::string_body>;

/// Answers a plain HTTP request with a redirect to the same resource over HTTPS: 301 for GET and HEAD, 308 (which keeps
/// method and body) for other methods.
///
/// The host is the one the client asked for: of the Host field (RFC 9112 section 3.2), or of the request target where
/// that is in absolute form. Its port is dropped, `https_port` is added where it is not 443. Path and query are kept as
/// they are. Answers 400 instead where the host is absent, given twice, or neither a DNS name nor an IP address (IPv6
/// in brackets), for CONNECT, and for a target with a character that no URL may have; so nothing of a request reaches
/// `Location` that a URL may not contain. The body does not repeat anything of the request.
///
/// Thread safety: any thread. Throws `std::bad_alloc` only.
http_response redirect_http(const boost::beast::http::request_header<>& request, std::uint16_t https_port = 443);

} // namespace acme
