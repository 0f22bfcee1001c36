#include "server/http_session.hpp"

#include "server/byte_stream.hpp"
#include "server/http_connection.hpp"
#include "server/location.hpp"
#include "server/response.hpp"

#include <acme/tls.hpp>

#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include <chrono>
#include <optional>

namespace acme {
namespace {

using boost::system::error_code;
using https_stream = boost::beast::ssl_stream<boost::beast::tcp_stream>;

template <class Stream>
class byte_stream_of final : public byte_stream
{
public:
    explicit byte_stream_of(Stream& stream)
        : stream_(stream)
    {}

    asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, error_code& ec) override
    {
        return stream_.async_read_some(into, asio::redirect_error(asio::use_awaitable, ec));
    }

    asio::awaitable<std::size_t> write(const std::vector<asio::const_buffer>& from, error_code& ec) override
    {
        return asio::async_write(stream_, from, asio::redirect_error(asio::use_awaitable, ec));
    }

    boost::beast::tcp_stream& tcp() noexcept override { return boost::beast::get_lowest_layer(stream_); }

private:
    Stream& stream_;
};

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

constexpr const char* step_name = "TLS handshake";

asio::awaitable<void> first_octet(asio::ip::tcp::socket& socket, std::chrono::steady_clock::duration timeout)
{
    asio::steady_timer limit(socket.get_executor(), timeout);
    auto group = asio::experimental::make_parallel_group(
        socket.async_wait(asio::ip::tcp::socket::wait_read, asio::deferred), limit.async_wait(asio::deferred));
    const auto [order, ec, not_expired] =
        co_await group.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    if (ec && !not_expired)
        throw error(make_error_code(errc::timed_out), step_name);
    if (ec)
        throw boost::system::system_error(ec, step_name);
}

// Empty where there is no client to serve. A stream takes 50 KB, which a client that says nothing is not to cost.
asio::awaitable<std::optional<handshake_result>> accept_client(
    asio::ip::tcp::socket socket, std::optional<https_stream>& stream, const server& all, const session& self)
{
    const auto begin = std::chrono::steady_clock::now();
    handshake_options options;
    options.timeout = all.options.handshake_timeout;
    options.waiters = all.waiting;
    options.client_address = self.peer.address();
    std::optional<handshake_result> result;
    std::exception_ptr failure;
    try {
        co_await first_octet(socket, options.timeout);
        stream.emplace(std::move(socket), const_cast<asio::ssl::context&>(all.tls));
        options.timeout -= std::chrono::steady_clock::now() - begin;
        result = co_await async_handshake(*stream, all.certificates, options);
    } catch (const boost::system::system_error& e) {
        if (e.code() != make_error_code(errc::challenge_answered) && !self.draining)
            failure = std::current_exception();
    }
    if (failure)
        all.report(failure, self.peer);
    co_return result;
}

/// The application, for the hosts that a certificate covers; the others are told that they are not served here.
class covered_application
{
public:
    covered_application(const http_application& application, certificate_ptr shown)
        : application_(application)
        , shown_(std::move(shown))
    {}

    asio::awaitable<http_response> operator()(const http_request& request) const
    {
        if (is_covered(request))
            co_return co_await application_(request);
        co_return plain_response(boost::beast::http::status::misdirected_request);
    }

private:
    bool is_covered(const http_request& request) const
    {
        const auto where = requested_location(request);
        if (!where)
            return false;
        std::string_view host = where->host;
        if (host.starts_with('['))
            host = host.substr(1, host.size() - 2);
        return shown_->covers(host);
    }

    const http_application& application_;
    certificate_ptr shown_;
};

/// What is answered over plain HTTP to one client.
class redirection
{
public:
    redirection(const server& all, asio::ip::address client)
        : all_(all)
        , client_(std::move(client))
    {}

    asio::awaitable<http_response> operator()(const http_request& request) const
    {
        auto challenge = co_await async_answer_http_challenge(request, all_.certificates, client_);
        auto response = challenge ? std::move(*challenge) : redirect_http(request, all_.redirect_port);
        response.keep_alive(false);
        co_return response;
    }

private:
    const server& all_;
    asio::ip::address client_;
};

// Asks the client to close, and waits a little for it to do so.
asio::awaitable<void> close_tls(https_stream& stream)
{
    error_code ec;
    boost::beast::get_lowest_layer(stream).expires_after(linger_timeout);
    co_await stream.async_shutdown(asio::redirect_error(asio::use_awaitable, ec));
}

} // namespace

asio::awaitable<void> serve_https_connection(
    std::shared_ptr<const server> all, std::shared_ptr<session> self, asio::ip::tcp::socket socket)
{
    std::optional<https_stream> tls;
    const auto accepted = co_await accept_client(std::move(socket), tls, *all, *self);
    if (!accepted)
        co_return;
    byte_stream_of<https_stream> stream(*tls);
    io_hook hook(*self, stream.tcp());
    std::optional<http_application> covered;
    if (accepted->default_certificate)
        covered.emplace(covered_application(all->application, accepted->default_certificate));
    http_connection connection(stream, *all, *self, covered ? *covered : all->application, true);
    auto end = co_await connection.run();
    if (end != connection_end::broken)
        co_await close_tls(*tls);
    if (end == connection_end::unread)
        co_await linger(stream.tcp());
}

asio::awaitable<void> serve_http_connection(
    std::shared_ptr<const server> all, std::shared_ptr<session> self, asio::ip::tcp::socket socket)
{
    boost::beast::tcp_stream tcp(std::move(socket));
    byte_stream_of<boost::beast::tcp_stream> stream(tcp);
    io_hook hook(*self, tcp);
    const http_application redirect(redirection(*all, self->peer.address()));
    http_connection connection(stream, *all, *self, redirect, false);
    auto end = co_await connection.run();
    if (end != connection_end::broken)
        co_await linger(tcp);
}

} // namespace acme
