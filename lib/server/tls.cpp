#include "crypto/boringssl.hpp"
#include "protocol/printable.hpp"
#include "server/client_hello_hook.hpp"
#include "server/handshake_state.hpp"

#include <acme/tls.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <openssl/ssl.h>

#include <algorithm>
#include <exception>
#include <initializer_list>
#include <optional>

namespace acme {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr const char* step_name = "TLS handshake";

// What others left in this thread's error queue would be taken for this connection's.
bool awaits_certificate(const SSL* tls)
{
    ERR_clear_error();
    return SSL_get_error(tls, -1) == SSL_ERROR_PENDING_CERTIFICATE;
}

bool is_one_of(const error_code& ec, std::initializer_list<errc> codes)
{
    return std::ranges::any_of(codes, [&](errc e) { return ec == make_error_code(e); });
}

bool is_about_the_name(const error_code& ec)
{
    return is_one_of(ec,
        {errc::invalid_host_name, errc::no_server_name, errc::host_not_allowed, errc::rejected_identifier,
            errc::unsupported_identifier});
}

// The CA was not asked for the name, or does not want it.
bool is_refusal(const error_code& ec)
{
    return is_about_the_name(ec) ||
        is_one_of(ec, {errc::self_check_failed, errc::recently_failed, errc::too_many_new_hosts});
}

error with_some_host(const error& e, const client_hello& hello)
{
    return e.host().empty() && !hello.server_name.empty() ? e.with_host(printable(hello.server_name, 255)) : e;
}

class waiting
{
public:
    explicit waiting(handshake_waiters& w)
        : waiters_(w)
    {}
    waiting(const waiting&) = delete;
    waiting& operator=(const waiting&) = delete;
    ~waiting() { waiters_.leave(); }

private:
    handshake_waiters& waiters_;
};

// The handshake of one connection; lives in the frame of run_handshake.
class server_handshake
{
public:
    server_handshake(
        SSL* tls, void* stream, detail::handshake_step step, manager& certificates, handshake_options options)
        : tls_(tls)
        , stream_(stream)
        , step_(step)
        , certificates_(certificates)
        , waiters_(std::move(options.waiters))
        , client_address_(std::move(options.client_address))
        , left_(options.timeout)
    {}

    asio::awaitable<handshake_result> run();

private:
    asio::awaitable<error_code> timed_step();
    asio::awaitable<void> wait_for_certificate();
    asio::awaitable<void> wait_for_challenge();
    asio::awaitable<certificate_ptr> get_certificate(client_hello hello);
    bool show_default(const error& refusal);
    asio::awaitable<void> refuse(std::exception_ptr why);

    SSL* tls_;
    void* stream_;
    detail::handshake_step step_;
    manager& certificates_;
    std::shared_ptr<handshake_waiters> waiters_;
    std::optional<asio::ip::address> client_address_;
    std::chrono::steady_clock::duration left_;
    handshake_result result_;
};

asio::awaitable<error_code> server_handshake::timed_step()
{
    const auto started = std::chrono::steady_clock::now();
    asio::steady_timer limit(co_await asio::this_coro::executor, left_);
    const auto result = co_await step_(stream_, limit);
    left_ -= std::chrono::steady_clock::now() - started;
    if (!result)
        throw error(make_error_code(errc::timed_out), step_name);
    co_return *result;
}

asio::awaitable<handshake_result> server_handshake::run()
{
    if (!set_handshake_state(tls_, {handshake_state::kind::may_wait, 0}))
        throw std::bad_alloc();
    auto ec = co_await timed_step();
    if (ec && awaits_certificate(tls_)) {
        if (get_handshake_state(tls_).what == handshake_state::kind::awaits_challenge)
            co_await wait_for_challenge();
        else
            co_await wait_for_certificate();
        ec = co_await timed_step();
    }
    if (ec)
        throw boost::system::system_error(ec, step_name);
    if (get_handshake_state(tls_).what != handshake_state::kind::validation)
        co_return std::move(result_);
    const char* name = SSL_get_servername(tls_, TLSEXT_NAMETYPE_host_name);
    std::string host = name ? name : "";
    certificates_.validation_answered(host, "tls-alpn-01");
    throw error(make_error_code(errc::challenge_answered), step_name).with_host(std::move(host));
}

asio::awaitable<void> server_handshake::wait_for_certificate()
{
    const char* name = SSL_get_servername(tls_, TLSEXT_NAMETYPE_host_name);
    client_hello hello(name ? name : "");
    hello.client_address = client_address_;
    std::exception_ptr failure;
    auto alert = static_cast<std::uint8_t>(SSL_AD_INTERNAL_ERROR);
    try {
        auto obtained = co_await get_certificate(hello);
        if (!obtained || !use_certificate(tls_, *obtained, shown_as::named))
            throw error(make_error_code(errc::certificate_rejected), step_name, "BoringSSL does not take it");
        set_handshake_state(tls_, {handshake_state::kind::chosen, 0});
    } catch (const error& e) {
        if (e.code() == asio::error::operation_aborted)
            throw;
        if (is_about_the_name(e.code()))
            alert = SSL_AD_UNRECOGNIZED_NAME;
        const auto refusal = with_some_host(e, hello);
        if (!show_default(refusal))
            failure = std::make_exception_ptr(refusal);
    } catch (const boost::system::system_error& e) {
        if (e.code() == asio::error::operation_aborted)
            throw;
        failure = std::current_exception();
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) {
        set_handshake_state(tls_, handshake_state::refuse(alert));
        co_await refuse(failure);
    }
}

// The hook looks for it again, and waits no longer.
asio::awaitable<void> server_handshake::wait_for_challenge()
{
    const char* name = SSL_get_servername(tls_, TLSEXT_NAMETYPE_host_name);
    std::string host = name ? name : "";
    co_await certificates_.async_find_challenge(host);
    set_handshake_state(tls_, handshake_state());
}

asio::awaitable<certificate_ptr> server_handshake::get_certificate(client_hello hello)
{
    if (!waiters_)
        co_return co_await certificates_.async_get_certificate(std::move(hello));
    if (!waiters_->enter())
        throw error(make_error_code(errc::too_many_waiters), step_name);
    const waiting here(*waiters_);
    co_return co_await certificates_.async_get_certificate(std::move(hello));
}

// Whether the handshake goes on with the default certificate.
bool server_handshake::show_default(const error& refusal)
{
    auto shown = is_refusal(refusal.code()) ? find_default_certificate(tls_) : nullptr;
    if (!shown || !use_certificate(tls_, *shown, shown_as::by_default))
        return false;
    set_handshake_state(tls_, {handshake_state::kind::chosen, 0});
    result_.default_certificate = std::move(shown);
    result_.refusal = refusal;
    return true;
}

// Carries the handshake on, to its alert.
asio::awaitable<void> server_handshake::refuse(std::exception_ptr why)
{
    try {
        co_await timed_step();
    } catch (const boost::system::system_error&) {
        // That the client is gone, or does not listen, matters less than why it is refused.
    }
    std::rethrow_exception(why);
}

} // namespace

asio::awaitable<handshake_result> detail::run_handshake(
    ssl_st* tls, void* stream, handshake_step step, manager& certificates, handshake_options options)
{
    server_handshake handshake(tls, stream, step, certificates, std::move(options));
    co_return co_await handshake.run();
}

} // namespace acme
