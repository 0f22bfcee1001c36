#include "server/http_session.hpp"

#include "server/http_connection.hpp"

#include <acme/tls.hpp>

#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

namespace acme {
namespace {

using https_stream = boost::beast::ssl_stream<boost::beast::tcp_stream>;

// Whether there is a client to serve.
asio::awaitable<bool> accept_client(https_stream& stream, const server& all, const session& self)
{
    handshake_options options;
    options.timeout = all.options.handshake_timeout;
    std::exception_ptr failure;
    try {
        co_await async_handshake(stream, all.certificates, options);
    } catch (const boost::system::system_error& e) {
        if (e.code() != make_error_code(errc::challenge_answered) && !self.draining)
            failure = std::current_exception();
        else
            co_return false;
    }
    if (failure)
        all.report(failure, self.peer);
    co_return !failure;
}

// Asks the client to close, and waits a little for it to do so.
asio::awaitable<void> close_tls(https_stream& stream)
{
    boost::system::error_code ec;
    boost::beast::get_lowest_layer(stream).expires_after(linger_timeout);
    co_await stream.async_shutdown(asio::redirect_error(asio::use_awaitable, ec));
}

} // namespace

asio::awaitable<void> serve_https_connection(
    std::shared_ptr<const server> all, std::shared_ptr<session> self, asio::ip::tcp::socket socket)
{
    https_stream stream(std::move(socket), const_cast<asio::ssl::context&>(all->tls));
    auto& tcp = boost::beast::get_lowest_layer(stream);
    io_hook hook(*self, tcp);
    if (!co_await accept_client(stream, *all, *self))
        co_return;
    http_connection<https_stream> connection(stream, *all, *self, all->application, true);
    auto end = co_await connection.run();
    if (end != connection_end::broken)
        co_await close_tls(stream);
    if (end == connection_end::unread)
        co_await linger(tcp);
}

asio::awaitable<void> serve_http_connection(
    std::shared_ptr<const server> all, std::shared_ptr<session> self, asio::ip::tcp::socket socket)
{
    boost::beast::tcp_stream stream(std::move(socket));
    io_hook hook(*self, stream);
    http_connection<boost::beast::tcp_stream> connection(stream, *all, *self, all->redirect, false);
    auto end = co_await connection.run();
    if (end != connection_end::broken)
        co_await linger(stream);
}

} // namespace acme
