#include "server/client_hello_hook.hpp"
#include "server/context_attachment.hpp"

#include <acme/tls.hpp>

#include <algorithm>
#include <stdexcept>

namespace acme {

namespace asio = boost::asio;

namespace {

// A list of protocols as RFC 7301 section 3.1 writes it.
struct protocol_list
{
    std::string wire;
};

bool is_offerable(const std::string& protocol)
{
    return !protocol.empty() && protocol.size() <= 255 && protocol != "acme-tls/1";
}

std::unique_ptr<protocol_list> make_protocol_list(const std::vector<std::string>& protocols)
{
    auto list = std::make_unique<protocol_list>();
    for (const auto& each : protocols)
        list->wire.append(1, static_cast<char>(each.size())).append(each);
    if (!std::ranges::all_of(protocols, is_offerable) || list->wire.size() > 65'535)
        throw std::invalid_argument("server_context_options::protocols has one that can't be negotiated");
    return list;
}

int select_protocol(
    SSL*, const std::uint8_t** out, std::uint8_t* out_length, const std::uint8_t* in, unsigned in_length, void* list)
{
    const auto& ours = static_cast<const protocol_list*>(list)->wire;
    std::uint8_t* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_length, octets(ours), static_cast<unsigned>(ours.size()), in, in_length) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

} // namespace

void install(asio::ssl::context& tls, const manager& certificates)
{
    install(tls, certificates.credentials());
}

void install(asio::ssl::context& tls, std::shared_ptr<const credentials> certificates)
{
    install_client_hello_hook(tls.native_handle(), std::move(certificates));
}

asio::ssl::context make_server_context(const manager& certificates, server_context_options options)
{
    return make_server_context(certificates.credentials(), std::move(options));
}

asio::ssl::context make_server_context(std::shared_ptr<const credentials> certificates, server_context_options options)
{
    asio::ssl::context context(asio::ssl::context::tls_server);
    SSL_CTX* native = context.native_handle();
    constexpr const char* suites = "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]:"
                                   "[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]:"
                                   "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
    must(SSL_CTX_set_min_proto_version(native, options.tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION));
    must(SSL_CTX_set_strict_cipher_list(native, suites));
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    if (!options.protocols.empty()) {
        auto* list = context_attachment<protocol_list>::set(native, make_protocol_list(options.protocols));
        SSL_CTX_set_alpn_select_cb(native, &select_protocol, list);
    }
    install(context, std::move(certificates));
    install(context, options.ticket_keys ? options.ticket_keys : std::make_shared<ticket_keys>());
    return context;
}

void share(std::shared_ptr<ticket_keys> keys, manager& certificates)
{
    const auto interval = keys->options().interval;
    shared_value value;
    // Keys of different intervals have nothing to say to each other.
    value.name = "ticket-keys/" + std::to_string(interval.count());
    value.interval = std::min<std::chrono::seconds>(interval / 4, std::chrono::minutes(10));
    value.marshal = [keys] { return keys->marshal(); };
    value.merge = [keys](std::string_view theirs) { keys->merge(theirs); };
    certificates.share(std::move(value));
}

} // namespace acme
