#pragma once

#include "server/byte_stream.hpp"
#include "server/http_session.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>

namespace acme {

constexpr std::chrono::seconds linger_timeout{2};

enum class connection_end
{
    /// Everything was read and answered.
    complete,
    /// An answer was sent while the client may still be sending.
    unread,
    /// There is nobody to talk to any more.
    broken
};

/// Closes the sending half, and reads on a little: closing a socket with unread data would destroy an answer under way.
asio::awaitable<void> linger(boost::beast::tcp_stream& stream);

/// The requests of one connection, one after the other.
class http_connection
{
public:
    http_connection(
        byte_stream& stream, const server& all, session& self, const http_application& application, bool read_bodies);

    asio::awaitable<connection_end> run();

private:
    using request_parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

    asio::awaitable<bool> next_octets();
    asio::awaitable<boost::system::error_code> read(request_parser& parser);
    asio::awaitable<boost::system::error_code> read_until(
        request_parser& parser, bool (request_parser::*reached)() const, std::size_t at_a_time);
    asio::awaitable<http_response> answer(const http_request& request);
    asio::awaitable<bool> send(http_response& response);
    asio::awaitable<connection_end> refuse(boost::beast::http::status status);

    byte_stream& stream_;
    const server& all_;
    session& self_;
    const http_application& application_;
    const bool read_bodies_;
    boost::beast::flat_buffer buffer_;
};

} // namespace acme
