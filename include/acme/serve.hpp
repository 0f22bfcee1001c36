#pragma once

#include <acme/http.hpp>
#include <acme/manager.hpp>
#include <acme/ticket_keys.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

/// A whole web server in one call, for programs that need no server of their own.
namespace acme {

/// What answers the requests: any callable from `const http_request&` to `http_response`, or to
/// `boost::asio::awaitable<http_response>`, in which case the request lives until it is completed.
///
/// It is called on the strand of the connection, so from several threads at a time where the manager's executor has
/// several. The HTTP version, Content-Length, Connection, Date, Server and the omission of the body for HEAD are the
/// server's business; a body longer than a response of its status may have is dropped. The trailer of a chunked request
/// is dropped. An exception is reported to `on_error` and answered with 500.
class http_application
{
public:
    template <class Function>
        requires(!std::same_as<std::remove_cvref_t<Function>, http_application> &&
            std::invocable<std::decay_t<Function>&, const http_request&>)
    http_application(Function&& function)
    {
        using result = std::invoke_result_t<std::decay_t<Function>&, const http_request&>;
        if constexpr (std::is_same_v<result, boost::asio::awaitable<http_response>>)
            call_ = std::forward<Function>(function);
        else
            call_ = answering_at_once<std::decay_t<Function>>(std::forward<Function>(function));
    }

    boost::asio::awaitable<http_response> operator()(const http_request& request) const { return call_(request); }

private:
    template <class Function>
    struct answering_at_once
    {
        template <class F>
        explicit answering_at_once(F&& f)
            : function(std::forward<F>(f))
        {}

        boost::asio::awaitable<http_response> operator()(const http_request& request) { co_return function(request); }

        Function function;
    };

    std::function<boost::asio::awaitable<http_response>(const http_request&)> call_;
};

/// Where a server listens, with the ports that the system chose for port 0.
struct listening
{
    std::vector<boost::asio::ip::tcp::endpoint> https;
    std::vector<boost::asio::ip::tcp::endpoint> http;
};

/// Every knob of `async_serve` and `async_serve_https`.
struct serve_options
{
    using endpoints = std::vector<boost::asio::ip::tcp::endpoint>;
    using duration = std::chrono::steady_clock::duration;

    /// Where HTTPS is served; empty: port 443 of all addresses, IPv6 and IPv4. An IPv6 "any" address given here takes
    /// IPv4 connections too, unless an IPv4 address with the same port is in the list.
    endpoints https;
    /// Where HTTP is redirected to HTTPS, and http-01 challenges are answered (so it should be, or be forwarded from,
    /// port 80); empty: port 80 of all addresses. Not used by `async_serve_https`.
    endpoints http;
    /// The port that clients find in redirects; 0: that of the first of `https`.
    std::uint16_t redirect_port = 0;

    /// For the messages of the TLS handshake; see `handshake_options`.
    duration handshake_timeout = std::chrono::seconds(10);
    /// For a request's header, from its first octet on.
    duration header_timeout = std::chrono::seconds(10);
    /// For a request's body.
    duration body_timeout = std::chrono::seconds(60);
    /// For sending a response: for each 64 KiB of it, so that it may take as long as the client goes on taking it.
    duration write_timeout = std::chrono::seconds(60);
    /// For the first octet of the next request.
    duration idle_timeout = std::chrono::seconds(60);
    /// A request with a larger header, in octets, is answered with 431.
    std::uint32_t header_limit = 8 * 1024;
    /// A request with a larger body, in octets, is answered with 413.
    std::uint64_t body_limit = 1024 * 1024;
    /// HTTPS connections at a time, and as many HTTP connections; more wait in the system's backlog. 0: a third of the
    /// descriptors that the process may open, 10,000 at most. 1 counts as 2: at most half of the HTTPS connections
    /// wait for a certificate, of all and of each client, so that the CA's validations come through, and other clients.
    std::size_t max_connections = 0;
    /// The same for one client: an IPv4 address, or an IPv6 network of 64 bits. More are reset once they are accepted.
    /// 0: half of `max_connections`, so that no client alone keeps the others out. To be raised to `max_connections`
    /// behind a balancer that hides the clients' addresses, which are one client then.
    std::size_t max_connections_per_client = 0;
    /// Session ticket keys to share with other servers or machines; empty: the server has its own.
    std::shared_ptr<acme::ticket_keys> ticket_keys;
    /// How long requests under way may take once the server is to end.
    duration shutdown_grace = std::chrono::seconds(10);

    /// Called once, when connections are accepted.
    std::function<void(const listening&)> on_listening;
    /// Told of what ended a connection early or was answered with 500: a failed handshake (`acme::error`, or
    /// `boost::system::system_error`), an exception of the application (any type), a failure to accept connections
    /// (with the listening endpoint). An answered validation is no failure. May be called from several threads at a
    /// time; what it throws is ignored.
    std::function<void(std::exception_ptr failure, const boost::asio::ip::tcp::endpoint& peer)> on_error;

    serve_options() = default;
};

/// Serves HTTPS with the manager's certificates, obtained during the first handshake for a host, and redirects HTTP to
/// it, but for the CA's http-01 validations, which it answers (`answer_http_challenge`). HTTP/1.1 and HTTP/1.0 with
/// kept-alive connections and pipelining.
///
/// A client that was shown the default certificate (`config::default_host`) is served what this certificate covers, by
/// the Host field; else the answer is 421 Misdirected Request (RFC 9110 section 15.5.20).
///
/// Runs until it is cancelled or the manager is shut down. Then no connection is accepted any more, idle ones are
/// closed, and the awaitable completes when the requests under way are answered, within `shutdown_grace`. So
/// `manager::async_shutdown` ends a server gracefully.
///
/// Thread safety: connections run on the executor that the manager was made with, each on a strand of its own; so an
///     `io_context` with several threads serves with all of them. Await it from any executor.
/// Errors: throws `boost::system::system_error`, whose text names the address, where it can't listen. What befalls a
///     connection goes to `on_error`; a failure to accept (descriptors used up, ...) is waited out.
/// Cancellation: terminal; throws `operation_aborted` once the connections have ended.
/// Lifetime: `certificates` must outlive the call.
boost::asio::awaitable<void> async_serve(
    manager& certificates, http_application application, serve_options options = {});

/// The same without HTTP.
boost::asio::awaitable<void> async_serve_https(
    manager& certificates, http_application application, serve_options options = {});

} // namespace acme
