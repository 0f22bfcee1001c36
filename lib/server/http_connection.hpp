#pragma once

#include "server/http_session.hpp"
#include "server/response.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <optional>
#include <string_view>

namespace acme {

constexpr std::chrono::seconds linger_timeout{2};

/// Lets a session cancel the operations of its socket, as long as there is one.
class io_hook
{
public:
    io_hook(session& s, boost::beast::tcp_stream& stream)
        : session_(s)
    {
        session_.cancel_io = [&stream] { stream.cancel(); };
    }
    ~io_hook() { session_.cancel_io = nullptr; }
    io_hook(const io_hook&) = delete;
    io_hook& operator=(const io_hook&) = delete;

private:
    session& session_;
};

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

/// The answer to a request that can't be read; empty where the connection is at its end.
std::optional<boost::beast::http::status> refusal_of(const boost::system::error_code& ec);

/// The requests of one connection, one after the other.
template <class Stream>
class http_connection
{
public:
    http_connection(
        Stream& stream, const server& all, session& self, const http_application& application, bool read_bodies)
        : stream_(stream)
        , tcp_(boost::beast::get_lowest_layer(stream))
        , all_(all)
        , self_(self)
        , application_(application)
        , read_bodies_(read_bodies)
        , buffer_(all.options.header_limit + 16 * 1024)
    {}

    asio::awaitable<connection_end> run();

private:
    using request_parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

    asio::awaitable<bool> next_octets();
    asio::awaitable<boost::system::error_code> read(request_parser& parser);
    asio::awaitable<http_response> answer(const http_request& request);
    asio::awaitable<bool> send(http_response& response);
    asio::awaitable<connection_end> refuse(boost::beast::http::status status);

    Stream& stream_;
    boost::beast::tcp_stream& tcp_;
    const server& all_;
    session& self_;
    const http_application& application_;
    const bool read_bodies_;
    boost::beast::flat_buffer buffer_;
};

template <class Stream>
asio::awaitable<connection_end> http_connection<Stream>::run()
{
    namespace http = boost::beast::http;
    for (;;) {
        self_.doing = session::phase::idle;
        if (self_.draining || !co_await next_octets())
            co_return self_.draining ? connection_end::complete : connection_end::broken;
        self_.doing = session::phase::busy;
        request_parser parser;
        parser.header_limit(all_.options.header_limit);
        if (auto ec = co_await read(parser)) {
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
        if (!co_await send(response))
            co_return connection_end::broken;
        if (!response.keep_alive())
            co_return whole ? connection_end::complete : connection_end::unread;
    }
}

template <class Stream>
asio::awaitable<bool> http_connection<Stream>::next_octets()
{
    if (buffer_.size() > 0)
        co_return true;
    boost::system::error_code ec;
    tcp_.expires_after(all_.options.idle_timeout);
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    auto got = co_await stream_.async_read_some(buffer_.prepare(4096), token);
    buffer_.commit(got);
    co_return !ec;
}

template <class Stream>
asio::awaitable<boost::system::error_code> http_connection<Stream>::read(request_parser& parser)
{
    namespace http = boost::beast::http;
    boost::system::error_code ec;
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    if (read_bodies_)
        parser.body_limit(all_.options.body_limit);
    else
        parser.body_limit(boost::none);
    tcp_.expires_after(all_.options.header_timeout);
    co_await http::async_read_header(stream_, buffer_, parser, token);
    if (ec || parser.is_done() || !read_bodies_)
        co_return ec;
    tcp_.expires_after(all_.options.body_timeout);
    if (boost::beast::iequals(parser.get()[http::field::expect], "100-continue") && buffer_.size() == 0) {
        static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        co_await asio::async_write(stream_, asio::buffer(go_on), token);
    }
    if (!ec)
        co_await http::async_read(stream_, buffer_, parser, token);
    co_return ec;
}

template <class Stream>
asio::awaitable<http_response> http_connection<Stream>::answer(const http_request& request)
{
    namespace http = boost::beast::http;
    tcp_.expires_never();
    std::exception_ptr failure;
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

template <class Stream>
asio::awaitable<bool> http_connection<Stream>::send(http_response& response)
{
    boost::system::error_code ec;
    tcp_.expires_after(all_.options.write_timeout);
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    co_await boost::beast::http::async_write(stream_, response, token);
    co_return !ec;
}

template <class Stream>
asio::awaitable<connection_end> http_connection<Stream>::refuse(boost::beast::http::status status)
{
    http_request unread(boost::beast::http::verb::unknown, "", 11);
    auto response = plain_response(status);
    complete_response(response, unread, false, all_.time->now());
    bool sent = co_await send(response);
    co_return sent ? connection_end::unread : connection_end::broken;
}

} // namespace acme
