#include "crypto/boringssl.hpp"
#include "manager/counted_client.hpp"
#include "protocol/printable.hpp"
#include "server/client_hello_hook.hpp"
#include "server/handshake_state.hpp"
#include "transport/posted.hpp"

#include <acme/tls.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <openssl/ssl.h>

#include <algorithm>
#include <exception>
#include <initializer_list>
#include <memory>
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
    waiting(std::shared_ptr<handshake_waiters> all, const handshake_waiters::client_address& client)
        : all_(std::move(all))
        , client_(client)
    {
        if (all_ && !all_->enter(client_))
            throw error(make_error_code(errc::too_many_waiters), step_name);
    }
    waiting(const waiting&) = delete;
    waiting& operator=(const waiting&) = delete;
    ~waiting()
    {
        if (all_)
            all_->leave(client_);
    }

private:
    const std::shared_ptr<handshake_waiters> all_;
    const handshake_waiters::client_address& client_;
};

// The handshake of one connection.
class server_handshake
{
public:
    server_handshake(
        SSL* tls, void* stream, detail::stream_operations with, manager& certificates, handshake_options options)
        : tls_(tls)
        , stream_(stream)
        , with_(with)
        , certificates_(certificates)
        , waiters_(std::move(options.waiters))
        , client_address_(std::move(options.client_address))
        , left_(options.timeout)
    {}

    static asio::awaitable<handshake_result> run(std::unique_ptr<server_handshake> self);

private:
    asio::awaitable<error_code> timed_step();
    asio::awaitable<void> wait_for_certificate();
    asio::awaitable<void> wait_for_challenge();
    asio::awaitable<certificate_ptr> get_certificate(client_hello hello);
    bool show_default(const error& refusal);
    asio::awaitable<void> refuse(std::uint8_t alert);

    SSL* tls_;
    void* stream_;
    detail::stream_operations with_;
    manager& certificates_;
    std::shared_ptr<handshake_waiters> waiters_;
    std::optional<asio::ip::address> client_address_;
    std::chrono::steady_clock::duration left_;
    handshake_result result_;
    // Why there is no certificate.
    std::exception_ptr failure_;
};

asio::awaitable<error_code> server_handshake::timed_step()
{
    const auto started = std::chrono::steady_clock::now();
    asio::steady_timer limit(co_await asio::this_coro::executor, left_);
    const auto result = co_await with_.step(stream_, limit);
    left_ -= std::chrono::steady_clock::now() - started;
    if (!result)
        throw error(make_error_code(errc::timed_out), step_name);
    co_return *result;
}

// Holds the handshake itself: one frame fewer for every exception to leave.
asio::awaitable<handshake_result> server_handshake::run(std::unique_ptr<server_handshake> self)
{
    SSL* const tls = self->tls_;
    if (!set_handshake_state(tls, {handshake_state::kind::may_wait, 0}))
        throw std::bad_alloc();
    auto ec = co_await self->timed_step();
    if (ec && awaits_certificate(tls)) {
        if (get_handshake_state(tls).what == handshake_state::kind::awaits_challenge)
            co_await self->wait_for_challenge();
        else
            co_await self->wait_for_certificate();
        if (self->failure_)
            std::rethrow_exception(self->failure_);
        ec = co_await self->timed_step();
    }
    if (ec)
        throw boost::system::system_error(ec, step_name);
    if (get_handshake_state(tls).what != handshake_state::kind::validation)
        co_return std::move(self->result_);
    const char* name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
    std::string host = name ? name : "";
    self->certificates_.validation_answered(host, "tls-alpn-01");
    throw error(make_error_code(errc::challenge_answered), step_name).with_host(std::move(host));
}

// Where there is none, the client has been told so in the end.
asio::awaitable<void> server_handshake::wait_for_certificate()
{
    const char* name = SSL_get_servername(tls_, TLSEXT_NAMETYPE_host_name);
    client_hello hello(name ? name : "");
    hello.client_address = client_address_;
    std::optional<error> why;
    try {
        why = co_await certificates_.async_find_refusal(hello);
        if (!why) {
            auto obtained = co_await get_certificate(hello);
            if (!obtained || !use_certificate(tls_, *obtained, shown_as::named))
                throw error(make_error_code(errc::certificate_rejected), step_name, "BoringSSL does not take it");
            set_handshake_state(tls_, {handshake_state::kind::chosen, 0});
        }
    } catch (const error& e) {
        if (e.code() == asio::error::operation_aborted)
            throw;
        why = e;
    } catch (const boost::system::system_error& e) {
        if (e.code() == asio::error::operation_aborted)
            throw;
        failure_ = std::current_exception();
    } catch (...) {
        failure_ = std::current_exception();
    }
    auto alert = static_cast<std::uint8_t>(SSL_AD_INTERNAL_ERROR);
    if (why) {
        if (is_about_the_name(why->code()))
            alert = SSL_AD_UNRECOGNIZED_NAME;
        why = with_some_host(*why, hello);
        if (!show_default(*why))
            failure_ = std::make_exception_ptr(*why);
    }
    if (!failure_)
        co_return;
    // After its end there may be no manager any more.
    if (why && why->code() != errc::shut_down)
        co_await certificates_.async_wait_to_refuse();
    co_await refuse(alert);
}

// Where there is none, the hook refuses, in its turn.
asio::awaitable<void> server_handshake::wait_for_challenge()
{
    const char* name = SSL_get_servername(tls_, TLSEXT_NAMETYPE_host_name);
    std::string host = name ? name : "";
    certificate_ptr answer;
    try {
        answer = co_await certificates_.async_find_challenge(host, client_address_);
        if (!answer)
            co_await certificates_.async_wait_to_refuse();
    } catch (const error& e) {
        if (e.code() != errc::shut_down)
            throw;
    }
    if (answer)
        use_challenge(tls_, *answer);
    else
        set_handshake_state(tls_, handshake_state());
}

// Who hangs up waits no longer.
asio::awaitable<certificate_ptr> server_handshake::get_certificate(client_hello hello)
{
    const waiting here(waiters_, client_address_);
    const auto executor = co_await asio::this_coro::executor;
    auto obtained = certificates_.async_get_certificate(std::move(hello));
    auto group =
        asio::experimental::make_parallel_group(asio::co_spawn(executor, posted(std::move(obtained)), asio::deferred),
            asio::co_spawn(executor, posted(with_.until_gone(stream_)), asio::deferred));
    auto outcome = co_await group.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    auto& [order, failure, result, watch_failure] = outcome;
    if (!failure)
        co_return std::move(result);
    const bool gone = order[0] == 1 && !watch_failure;
    if (gone)
        throw boost::system::system_error(asio::ssl::error::stream_truncated, step_name);
    std::rethrow_exception(failure);
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
asio::awaitable<void> server_handshake::refuse(std::uint8_t alert)
{
    set_handshake_state(tls_, handshake_state::refuse(alert));
    try {
        co_await timed_step();
    } catch (const boost::system::system_error&) {
        // That the client is gone, or does not listen, matters less than why it is refused.
    }
}

} // namespace

bool handshake_waiters::enter(const client_address& client)
{
    std::lock_guard lock(mutex_);
    if (count_ >= limit_)
        return false;
    if (client) {
        auto& of_client = of_clients_[client_key(*client)];
        if (of_client >= client_limit_)
            return false;
        ++of_client;
    }
    ++count_;
    return true;
}

void handshake_waiters::leave(const client_address& client) noexcept
{
    std::lock_guard lock(mutex_);
    --count_;
    if (!client)
        return;
    const auto place = of_clients_.find(client_key(*client));
    if (--place->second == 0)
        of_clients_.erase(place);
}

asio::awaitable<handshake_result> detail::run_handshake(
    ssl_st* tls, void* stream, stream_operations operations, manager& certificates, handshake_options options)
{
    return server_handshake::run(
        std::make_unique<server_handshake>(tls, stream, operations, certificates, std::move(options)));
}

} // namespace acme
