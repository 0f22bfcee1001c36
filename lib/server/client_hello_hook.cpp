#include "server/client_hello_hook.hpp"

#include "server/context_attachment.hpp"
#include "server/handshake_state.hpp"

#include <array>

namespace acme {
namespace {

constexpr std::array<std::uint8_t, 10> acme_tls_1 = {'a', 'c', 'm', 'e', '-', 't', 'l', 's', '/', '1'};

struct hook
{
    std::shared_ptr<const credentials> certificates;
    bssl::UniquePtr<SSL_CTX> challenge_context;
};

int select_acme_tls_1(SSL*, const std::uint8_t** out, std::uint8_t* out_length, const std::uint8_t*, unsigned, void*)
{
    *out = acme_tls_1.data();
    *out_length = acme_tls_1.size();
    return SSL_TLSEXT_ERR_OK;
}

bssl::UniquePtr<SSL_CTX> make_challenge_context()
{
    bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_method()));
    if (!context)
        throw std::bad_alloc();
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
    SSL_CTX_set_alpn_select_cb(context.get(), &select_acme_tls_1, nullptr);
    return context;
}

bool asks_for_validation(const SSL_CLIENT_HELLO* hello) noexcept
{
    const std::uint8_t* data = nullptr;
    std::size_t size = 0;
    constexpr std::uint16_t alpn = TLSEXT_TYPE_application_layer_protocol_negotiation;
    if (!SSL_early_callback_ctx_extension_get(hello, alpn, &data, &size))
        return false;
    CBS extension, list, protocol;
    CBS_init(&extension, data, size);
    return CBS_get_u16_length_prefixed(&extension, &list) && CBS_get_u8_length_prefixed(&list, &protocol) &&
        CBS_len(&list) == 0 && CBS_mem_equal(&protocol, acme_tls_1.data(), acme_tls_1.size());
}

std::string_view server_name(const SSL* tls) noexcept
{
    const char* name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
    return name ? std::string_view(name) : std::string_view();
}

bool set_chain_and_key(SSL* tls, const certificate& c) noexcept
{
    auto chain = c.chain();
    bool done = SSL_set_chain_and_key(tls, chain.data(), chain.size(), c.private_key().native_handle(), nullptr) == 1;
    if (!done)
        ERR_clear_error();
    return done;
}

// The options, the verification and the session context of a connection stay as they were when its context is switched.
handshake_state switch_to_challenge(SSL* tls, SSL_CTX* context, const certificate& answer) noexcept
{
    SSL_set_verify(tls, SSL_VERIFY_NONE, nullptr);
    SSL_set_options(tls, SSL_OP_NO_TICKET);
    const bool done = SSL_set_SSL_CTX(tls, context) != nullptr &&
        SSL_set_session_id_context(tls, acme_tls_1.data(), acme_tls_1.size()) == 1 && set_chain_and_key(tls, answer);
    return done ? handshake_state{handshake_state::kind::validation, 0}
                : handshake_state::refuse(SSL_AD_INTERNAL_ERROR);
}

handshake_state answer_validation(SSL* tls, const hook& h, handshake_state before) noexcept
{
    const auto name = server_name(tls);
    // Asked first: what is pending is found.
    const bool may_come = h.certificates->learns_challenges() && !h.certificates->is_pending(name);
    auto answer = h.certificates->find_challenge(name);
    if (before.what == handshake_state::kind::may_wait && (!answer || may_come))
        return {handshake_state::kind::awaits_challenge, 0};
    if (!answer)
        return handshake_state::refuse(SSL_AD_NO_APPLICATION_PROTOCOL);
    return switch_to_challenge(tls, h.challenge_context.get(), *answer);
}

// `may_wait` in the result asks for the wait.
handshake_state choose_certificate(SSL* tls, const hook& h, handshake_state before) noexcept
{
    auto found = h.certificates->find(server_name(tls));
    auto how = shown_as::named;
    if (!found && before.what == handshake_state::kind::plain) {
        found = h.certificates->find_default();
        how = shown_as::by_default;
    }
    if (found && use_certificate(tls, *found, how))
        return {handshake_state::kind::chosen, 0};
    if (found)
        return handshake_state::refuse(SSL_AD_INTERNAL_ERROR);
    if (before.what == handshake_state::kind::may_wait)
        return before;
    return handshake_state::refuse(SSL_AD_UNRECOGNIZED_NAME);
}

// BoringSSL may call again, and a validation's own context has no hook.
bool is_decided(handshake_state::kind what) noexcept
{
    return what != handshake_state::kind::plain && what != handshake_state::kind::may_wait;
}

ssl_select_cert_result_t select_certificate(const SSL_CLIENT_HELLO* hello)
{
    SSL* tls = hello->ssl;
    auto state = get_handshake_state(tls);
    if (is_decided(state.what))
        return ssl_select_cert_success;
    const auto* h = context_attachment<hook>::get(SSL_get_SSL_CTX(tls));
    state = asks_for_validation(hello) ? answer_validation(tls, *h, state) : choose_certificate(tls, *h, state);
    if (state.what == handshake_state::kind::may_wait)
        return ssl_select_cert_retry;
    if (!set_handshake_state(tls, state))
        return ssl_select_cert_error;
    return state.what == handshake_state::kind::awaits_challenge ? ssl_select_cert_retry : ssl_select_cert_success;
}

// An error of select_certificate is always a handshake_failure to the client. This callback, which comes next, can name
// its alert.
int send_alert_or_go_on(SSL* tls, int* out_alert, void*)
{
    auto state = get_handshake_state(tls);
    if (state.what != handshake_state::kind::refused)
        return SSL_TLSEXT_ERR_OK;
    *out_alert = state.alert;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

} // namespace

bool use_certificate(ssl_st* tls, const certificate& c, shown_as how) noexcept
{
    return set_chain_and_key(tls, c) && bind_session_to_server_name(tls, how);
}

bool use_challenge(ssl_st* tls, const certificate& answer) noexcept
{
    const auto* h = context_attachment<hook>::get(SSL_get_SSL_CTX(tls));
    return set_handshake_state(tls, switch_to_challenge(tls, h->challenge_context.get(), answer));
}

certificate_ptr find_default_certificate(const ssl_st* tls) noexcept
{
    return context_attachment<hook>::get(SSL_get_SSL_CTX(tls))->certificates->find_default();
}

void install_client_hello_hook(ssl_ctx_st* context, std::shared_ptr<const credentials> certificates)
{
    auto h = std::make_unique<hook>();
    h->certificates = std::move(certificates);
    h->challenge_context = make_challenge_context();
    context_attachment<hook>::set(context, std::move(h));
    SSL_CTX_set_select_certificate_cb(context, &select_certificate);
    SSL_CTX_set_tlsext_servername_callback(context, &send_alert_or_go_on);
}

} // namespace acme
