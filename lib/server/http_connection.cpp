#include "server/http_connection.hpp"

#include "server/authority.hpp"
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
// What a client has to take within `write_timeout`.
constexpr std::size_t write_size = 64 * 1024;

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

bool is_number(std::string_view text) noexcept
{
    return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

// RFC 9112 section 3.2. It is empty where the target has no host.
bool has_valid_host(const http_request& request)
{
    const auto hosts = request.count(http::field::host);
    if (hosts == 0)
        return request.version() < 11;
    const std::string_view host = request[http::field::host];
    return hosts == 1 && (host.empty() || host_of_authority(host));
}

// Where a request's body ends must not be a matter of opinion between a proxy and this server (RFC 9112 sections 6.1
// and 6.3).
bool is_well_framed(const http::request_parser<http::string_body>& parser)
{
    const auto& request = parser.get();
    const auto encodings = request.count(http::field::transfer_encoding);
    const auto lengths = request.count(http::field::content_length);
    // A list of equal lengths, which the parser takes, is one field for some and an error for others.
    if (encodings == 0)
        return lengths == 0 || (lengths == 1 && is_number(request[http::field::content_length]));
    return encodings == 1 && lengths == 0 && request.version() >= 11 &&
        boost::beast::iequals(request[http::field::transfer_encoding], "chunked");
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
        // Over plain HTTP the redirect judges the host, and a challenge does without.
        if (read_bodies_ && !has_valid_host(request))
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
    auto ec = co_await read_header(parser);
    if (!ec && !is_well_framed(parser))
        ec = http::error::bad_transfer_encoding;
    if (ec || parser.is_done() || !read_bodies_)
        co_return ec;
    // A chunked body's trailer is no part of the header, whatever it claims (RFC 9110 section 6.5.1).
    const auto header = parser.get().base();
    stream_.tcp().expires_after(all_.options.body_timeout);
    const bool wants_word = parser.get().version() >= 11 && buffer_.size() == 0 &&
        boost::beast::iequals(parser.get()[http::field::expect], "100-continue");
    if (wants_word) {
        static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        const std::vector<asio::const_buffer> interim = {asio::buffer(go_on)};
        co_await stream_.write(interim, ec);
    }
    parser.eager(true);
    while (!ec && !parser.is_done())
        ec = co_await read_more(parser, body_read_size, nullptr);
    parser.get().base() = header;
    co_return ec;
}

asio::awaitable<error_code> http_connection::read_header(request_parser& parser)
{
    error_code ec;
    std::size_t parsed = 0;
    skip_empty_lines();
    while (!ec && !parser.is_header_done()) {
        ec = co_await read_more(parser, read_size, &parsed);
        // The parser's own limit is for what is left unparsed.
        if (!ec && parsed > all_.options.header_limit)
            ec = http::error::header_limit;
    }
    co_return ec;
}

// RFC 9112 section 2.2: before a request, and after the octets that the last one should not have had.
void http_connection::skip_empty_lines()
{
    const auto data = buffer_.cdata();
    const auto* octets = static_cast<const char*>(data.data());
    std::size_t empty = 0;
    while (empty + 1 < data.size() && octets[empty] == '\r' && octets[empty + 1] == '\n')
        empty += 2;
    buffer_.consume(empty);
}

// Parses what there is, and reads on where that is not enough.
asio::awaitable<error_code> http_connection::read_more(
    request_parser& parser, std::size_t at_a_time, std::size_t* parsed)
{
    error_code ec;
    if (buffer_.size() > 0) {
        const auto used = parser.put(buffer_.data(), ec);
        buffer_.consume(used);
        if (parsed)
            *parsed += used;
        if (ec != http::error::need_more)
            co_return ec;
    }
    auto room = std::min(at_a_time, buffer_.max_size() - buffer_.size());
    if (room == 0)
        co_return http::error::buffer_overflow;
    auto got = co_await stream_.read_some(buffer_.prepare(room), ec);
    buffer_.commit(got);
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
    // An application that is cancelled at the server's end has not failed.
    if (!self_.draining)
        all_.report(failure, self_.peer);
    co_return plain_response(http::status::internal_server_error);
}

asio::awaitable<bool> http_connection::send(http_response& response)
{
    error_code ec;
    http::response_serializer<http_response::body_type> serializer(response);
    std::vector<asio::const_buffer> part;
    serializer.limit(write_size);
    while (!ec && !serializer.is_done()) {
        serializer.next(ec, [&part](error_code&, const auto& buffers) {
            part.assign(asio::buffer_sequence_begin(buffers), asio::buffer_sequence_end(buffers));
        });
        if (ec)
            break;
        stream_.tcp().expires_after(all_.options.write_timeout);
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
