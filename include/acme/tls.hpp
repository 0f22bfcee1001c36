#pragma once

#include <acme/manager.hpp>
#include <acme/ticket_keys.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream_base.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <vector>

struct ssl_st;

/// Certificates from a manager in the TLS handshakes of an Asio server of one's own:
///
///     boost::asio::ssl::context tls(boost::asio::ssl::context::tls_server);
///     acme::install(tls, manager);                   // once
///     co_await acme::async_handshake(stream, manager); // in place of stream.async_handshake(...)
namespace acme {

/// Lets the handshakes of `tls` take their certificates from a manager, and answer the CA's tls-alpn-01 validations
/// (RFC 8737):
///
/// - A ClientHello whose ALPN list is "acme-tls/1" alone is a validation. It is answered where a challenge is pending
///   for its server name, without any of the application's settings (ALPN, client authentication, sessions), and
///   refused with the alert no_application_protocol elsewhere; it never gets an ordinary certificate.
/// - Every other ClientHello gets the certificate for its server name. Where there is none, `async_handshake` waits for
///   one; a plain `stream.async_handshake` shows the default certificate (`config::default_host`), or fails with the
///   alert unrecognized_name.
///
/// A session is resumed for the server name only that it was made for, and not with the name's certificate where it was
/// made with the default one: the session id context of a connection becomes one of these and of the context's own.
///
/// Uses the context's select-certificate and servername callbacks, which the application then must not set. A
/// certificate of the context's own is not used. The manager may be destroyed before the context: certificates at hand
/// are served on.
///
/// Thread safety: call it before the first handshake of `tls`; the handshakes may then run in any threads. A second
/// call replaces the first one's manager. Throws `std::bad_alloc` only.
void install(boost::asio::ssl::context& tls, const manager& certificates);

/// The same with certificates of any origin.
void install(boost::asio::ssl::context& tls, std::shared_ptr<const credentials> certificates);

/// What is to be settled of a server's context.
struct server_context_options
{
    /// The application's protocols (ALPN, RFC 7301), the preferred first: {"h2", "http/1.1"} for instance. A client
    /// that offers protocols, but none of these, is refused with the alert no_application_protocol; one that offers
    /// none is served. Empty: whatever clients offer is passed over.
    std::vector<std::string> protocols{"http/1.1"};
    /// Whether TLS 1.2 is spoken, with forward-secret AEAD cipher suites only, beside TLS 1.3.
    bool tls_1_2 = true;
    /// Session ticket keys to share with other contexts or machines; empty: the context has its own. A session is
    /// resumed where clients are verified (`set_verify_mode`) only if it was made where they are; contexts that trust
    /// different CAs for it need keys, or session id contexts, of their own.
    std::shared_ptr<acme::ticket_keys> ticket_keys;

    server_context_options() = default;
};

/// What `async_serve` uses: a server's context with TLS 1.2 and 1.3 as `options` say, no client authentication,
/// sessions resumed by tickets only, whose keys are rotated, and `certificates` installed. Throws
/// `std::invalid_argument` for protocols that can't be: empty, longer than 255 octets, 65,535 in all, or "acme-tls/1".
boost::asio::ssl::context make_server_context(const manager& certificates, server_context_options options = {});
boost::asio::ssl::context make_server_context(
    std::shared_ptr<const credentials> certificates, server_context_options options = {});

/// Keeps session ticket keys the same on all servers whose managers use one store, so that a client resumes its session
/// at any of them; `async_serve` does this by itself. They are in the store as they are: see `encrypted_store`.
void share(std::shared_ptr<ticket_keys> keys, manager& certificates);

/// How many handshakes wait for certificates, in all and of each client (an IPv4 address, or an IPv6 network of 64
/// bits), and how many may. Thread safety: from any thread.
class handshake_waiters
{
public:
    using client_address = std::optional<boost::asio::ip::address>;

    /// So many in all, and of one client whose address is known; 0: half of them, so that no client alone keeps the
    /// others from waiting.
    explicit handshake_waiters(std::size_t limit, std::size_t client_limit = 0)
        : limit_(limit)
        , client_limit_(client_limit > 0 ? client_limit : (limit + 1) / 2)
    {}

    /// False where there are too many already; else one more waits, until `leave` with the same address.
    bool enter(const client_address& client);
    void leave(const client_address& client) noexcept;

private:
    const std::size_t limit_;
    const std::size_t client_limit_;
    std::mutex mutex_;
    std::size_t count_ = 0;
    std::unordered_map<std::string, std::size_t> of_clients_;
};

struct handshake_options
{
    /// For the handshake's messages, all together; the wait for a certificate is not counted, it has a limit of its own
    /// (`config::handshake_wait`).
    std::chrono::steady_clock::duration timeout = std::chrono::seconds(10);
    /// Shared by handshakes that must leave room for others: one that would be one waiter too many fails with
    /// `errc::too_many_waiters`. Without it only the bounds of `config` count. A server that bounds its connections
    /// needs it: the CA's validation must find a place while clients wait for the certificate, and so must the clients
    /// of other hosts while one client waits for a host that never gets one.
    std::shared_ptr<handshake_waiters> waiters;
    /// The client's, for the manager's budgets and decisions. Empty: unknown.
    std::optional<boost::asio::ip::address> client_address;

    handshake_options() = default;
};

/// What became of a handshake that succeeded.
struct handshake_result
{
    /// The certificate that the client was shown for want of one for its server name (`config::default_host`); null
    /// where it was shown that of its name. Who asks for something else than this certificate covers is not served:
    /// 421 Misdirected Request (RFC 9110 section 15.5.20) is the answer in HTTP.
    certificate_ptr default_certificate;
    /// Why there is none for its name, as `manager::async_get_certificate` says it; `errc::no_server_name` for a client
    /// that named no host.
    std::optional<error> refusal;

    handshake_result() = default;
};

namespace detail {

/// What a handshake does with a stream of whatever type.
struct stream_operations
{
    // Empty where the timer's time is over.
    boost::asio::awaitable<std::optional<boost::system::error_code>> (*step)(
        void* stream, boost::asio::steady_timer& limit);
    // Completes when the client is gone, and throws operation_aborted.
    boost::asio::awaitable<void> (*until_gone)(void* stream);
};

template <class Stream>
boost::asio::awaitable<std::optional<boost::system::error_code>> step_handshake(
    void* stream, boost::asio::steady_timer& limit)
{
    namespace asio = boost::asio;
    // A group's operations run where their objects do, unless told. Beast's streams do not know `asio::deferred`.
    const auto here = co_await asio::this_coro::executor;
    auto handshake = [stream, here](auto&& token) {
        return static_cast<Stream*>(stream)->async_handshake(
            asio::ssl::stream_base::server, asio::bind_executor(here, std::forward<decltype(token)>(token)));
    };
    auto group = asio::experimental::make_parallel_group(handshake, limit.async_wait(asio::deferred));
    const auto [order, ec, not_expired] =
        co_await group.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    // A handshake that was cancelled by the limit has a result too.
    if (ec == asio::error::operation_aborted && !not_expired)
        co_return std::nullopt;
    co_return ec;
}

// The socket under a stream; null where there is none.
template <class Stream>
auto find_socket(Stream& stream)
{
    if constexpr (requires { stream.async_wait(boost::asio::socket_base::wait_read, boost::asio::deferred); })
        return &stream;
    else if constexpr (requires { stream.socket(); })
        return find_socket(stream.socket());
    else if constexpr (requires { stream.next_layer(); })
        return find_socket(stream.next_layer());
    else
        return nullptr;
}

template <class Stream>
boost::asio::awaitable<void> wait_until_gone(void* stream)
{
    namespace asio = boost::asio;
    auto socket = find_socket(*static_cast<Stream*>(stream));
    if constexpr (std::is_null_pointer_v<decltype(socket)>) {
        asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
        co_await never.async_wait(asio::use_awaitable);
    } else {
        boost::system::error_code ec;
        co_await socket->async_wait(asio::socket_base::wait_read, asio::use_awaitable);
        // What it has sent already hides its end, but not a reset.
        if (socket->available(ec) > 0)
            co_await socket->async_wait(asio::socket_base::wait_error, asio::use_awaitable);
    }
}

boost::asio::awaitable<handshake_result> run_handshake(
    ssl_st* tls, void* stream, stream_operations operations, manager& certificates, handshake_options options);

} // namespace detail

/// A server's TLS handshake that waits, without blocking a thread, until `certificates` has a certificate for the
/// client's server name. `stream` is a `boost::asio::ssl::stream` or `boost::beast::ssl_stream` over any next layer,
/// whose context had `install` with the same manager. The stream, the context and the manager must outlive the call.
///
/// Thread safety: await it where the stream may be used: on its strand, or on its only thread.
/// Errors: throws
/// - `acme::error` with what `manager::async_get_certificate` threw, and the host: there is no certificate, nor a
/// default
///   one (`config::default_host`) that could stand in. That is shown where the host is refused: without a name, with an
///   invalid one, not allowed, refused by the self-check, a budget or because it failed recently, or rejected by the
///   CA; not where its issuance fails, or takes too long. The client was sent the alert unrecognized_name (a name that
///   is invalid, absent, not allowed or just refused by the CA) or internal_error (anything else,
///   `errc::recently_failed` included), in its turn (`config::max_refusals_per_second`).
/// - `acme::error` with `errc::challenge_answered` after a validation, which the manager has been told of. This is no
///   client: close the connection.
/// - `acme::error` with `errc::timed_out` when `options.timeout` has passed.
/// - `boost::system::system_error` where TLS or the connection failed, with the stream's error; the connection's end is
///   noticed during the wait for a certificate too (`ssl::error::stream_truncated`), where there is a socket under it.
/// The stream is to be closed after any of them.
/// Cancellation: terminal; throws `operation_aborted`. The issuance that it waited for goes on. For this and for the
///     time limit the next layer's operations must support terminal cancellation, as Asio's and Beast's do.
template <class Stream>
boost::asio::awaitable<handshake_result> async_handshake(
    Stream& stream, manager& certificates, handshake_options options = {})
{
    const detail::stream_operations operations{&detail::step_handshake<Stream>, &detail::wait_until_gone<Stream>};
    return detail::run_handshake(stream.native_handle(), &stream, operations, certificates, std::move(options));
}

} // namespace acme
