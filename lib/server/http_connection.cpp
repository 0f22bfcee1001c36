#include "server/http_connection.hpp"

#include "server/response.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/serializer.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace acme {

namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::size_t read_size = 4096;
constexpr std::size_t body_read_size = 16 * 1024;

// The answer to a request that can't be read; empty where the connection is at its end.
std::optional<http::status> refusal_of(const error_code& ec)
{
    if (ec == http::error::header_limit || ec == http::error::buffer_overflow)
        return http::status::request_header_fields_too_large;
    if (ec == http::error::body_limit)
        return http::status::payload_too_large;
    if (ec == http::error::end_of_stream || ec == http::error::partial_message)
        return std::nullopt;
    if (ec.category() == make_error_code(http::error::bad_method).category())
        return http::status::bad_request;
    return std::nullopt;
}

} // namespace

asio::awaitable<void> linger(boost::beast::tcp_stream& stream)
{
    constexpr std::size_t most = 1024 * 1024;
    error_code ec;
    stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ec);
    stream.expires_after(linger_timeout);
    std::array<char, 4096> dropped;
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    for (std::size_t total = 0; !ec && total < most;)
        total += co_await stream.async_read_some(asio::buffer(dropped), token);
}

http_connection::http_connection(
    byte_stream& stream, const server& all, session& self, const http_application& application, bool read_bodies)
    : stream_(stream)
    , all_(all)
    , self_(self)
    , application_(application)
    , read_bodies_(read_bodies)
    , buffer_(all.options.header_limit + body_read_size)
{}

asio::awaitable<connection_end> http_connection::run()
{
    for (;;) {
        self_.doing = session::phase::idle;
        if (self_.draining)
            co_return connection_end::complete;
        bool there = co_await next_octets();
        if (!there)
            co_return self_.draining ? connection_end::complete : connection_end::broken;
        self_.doing = session::phase::busy;
        request_parser parser;
        parser.header_limit(all_.options.header_limit);
        auto ec = co_await read(parser);
        if (ec) {
            auto status = refusal_of(ec);
            if (!status)
                co_return connection_end::broken;
            co_return co_await refuse(*status);
        }
        bool whole = parser.is_done();
        http_request request = parser.release();
        if (request.version() >= 11 && request.count(http::field::host) != 1)
            co_return co_await refuse(http::status::bad_request);
        auto response = co_await answer(request);
        complete_response(response, request, whole && request.keep_alive() && !self_.draining, all_.time->now());
        bool sent = co_await send(response);
        if (!sent)
            co_return connection_end::broken;
        if (!response.keep_alive())
            co_return whole ? connection_end::complete : connection_end::unread;
    }
}

asio::awaitable<bool> http_connection::next_octets()
{
    error_code ec;
    if (buffer_.size() > 0)
        co_return true;
    stream_.tcp().expires_after(all_.options.idle_timeout);
    auto got = co_await stream_.read_some(buffer_.prepare(read_size), ec);
    buffer_.commit(got);
    co_return !ec;
}

asio::awaitable<error_code> http_connection::read(request_parser& parser)
{
    if (read_bodies_)
        parser.body_limit(all_.options.body_limit);
    else
        parser.body_limit(boost::none);
    stream_.tcp().expires_after(all_.options.header_timeout);
    auto ec = co_await read_until(parser, &request_parser::is_header_done, read_size);
    if (ec || parser.is_done() || !read_bodies_)
        co_return ec;
    stream_.tcp().expires_after(all_.options.body_timeout);
    if (boost::beast::iequals(parser.get()[http::field::expect], "100-continue") && buffer_.size() == 0) {
        static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        const std::vector<asio::const_buffer> interim = {asio::buffer(go_on)};
        co_await stream_.write(interim, ec);
    }
    parser.eager(true);
    if (!ec)
        ec = co_await read_until(parser, &request_parser::is_done, body_read_size);
    co_return ec;
}

asio::awaitable<error_code> http_connection::read_until(
    request_parser& parser, bool (request_parser::*reached)() const, std::size_t at_a_time)
{
    error_code ec;
    while (!ec && !(parser.*reached)()) {
        if (buffer_.size() > 0) {
            buffer_.consume(parser.put(buffer_.data(), ec));
            if (ec != http::error::need_more)
                continue;
        }
        auto room = std::min(at_a_time, buffer_.max_size() - buffer_.size());
        if (room == 0)
            co_return http::error::buffer_overflow;
        auto got = co_await stream_.read_some(buffer_.prepare(room), ec);
        buffer_.commit(got);
    }
    co_return ec;
}

asio::awaitable<http_response> http_connection::answer(const http_request& request)
{
    std::exception_ptr failure;
    stream_.tcp().expires_never();
    try {
        auto response = co_await application_(request);
        if (response.result_int() >= 200)
            co_return response;
        throw std::logic_error("the application answered with an interim status");
    } catch (...) {
        failure = std::current_exception();
    }
    all_.report(failure, self_.peer);
    co_return plain_response(http::status::internal_server_error);
}

asio::awaitable<bool> http_connection::send(http_response& response)
{
    error_code ec;
    http::response_serializer<http_response::body_type> serializer(response);
    std::vector<asio::const_buffer> part;
    stream_.tcp().expires_after(all_.options.write_timeout);
    while (!ec && !serializer.is_done()) {
        serializer.next(ec, [&part](error_code&, const auto& buffers) {
            part.assign(asio::buffer_sequence_begin(buffers), asio::buffer_sequence_end(buffers));
        });
        if (ec)
            break;
        auto written = co_await stream_.write(part, ec);
        serializer.consume(written);
    }
    co_return !ec;
}

asio::awaitable<connection_end> http_connection::refuse(http::status status)
{
    http_request unread(http::verb::unknown, "", 11);
    auto response = plain_response(status);
    complete_response(response, unread, false, all_.time->now());
    bool sent = co_await send(response);
    co_return sent ? connection_end::unread : connection_end::broken;
}

} // namespace acme
