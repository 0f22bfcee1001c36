#pragma once

#include <acme/http.hpp>

#include <chrono>
#include <string>

namespace acme {

/// An HTTP date (RFC 9110 section 5.6.7), such as "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(std::chrono::system_clock::time_point t);

/// Makes an application's response fit to be sent on the request's connection: version, framing, Connection, Date and
/// Server. The connection is kept alive where `keep_alive` is set, and the application does not object.
void complete_response(
    http_response& response, const http_request& request, bool keep_alive, std::chrono::system_clock::time_point now);

/// Gives a response its Content-Length; the answer to HEAD loses its body.
void frame_response(http_response& response, boost::beast::http::verb method);

/// A short answer of the server's own.
http_response plain_response(boost::beast::http::status status);

} // namespace acme
