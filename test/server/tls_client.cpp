#include "server/tls_client.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>

#include <openssl/err.h>
#include <openssl/x509v3.h>

namespace acme::test {
namespace {

using boost::system::error_code;

std::string wire_format(const std::vector<std::string>& protocols)
{
    std::string list;
    for (const auto& each : protocols)
        list += static_cast<char>(each.size()) + each;
    return list;
}

void apply(const client_offer& offer, SSL* tls)
{
    SSL_set_min_proto_version(tls, static_cast<std::uint16_t>(offer.version));
    SSL_set_max_proto_version(tls, static_cast<std::uint16_t>(offer.version));
    if (!offer.server_name.empty())
        SSL_set_tlsext_host_name(tls, offer.server_name.c_str());
    auto list = wire_format(offer.protocols);
    SSL_set_alpn_protos(tls, reinterpret_cast<const std::uint8_t*>(list.data()), static_cast<unsigned>(list.size()));
    if (offer.session)
        SSL_set_session(tls, offer.session);
}

std::optional<int> alert_of(const error_code& ec)
{
    if (ec.category() != asio::error::get_ssl_category())
        return std::nullopt;
    int reason = ERR_GET_REASON(static_cast<std::uint32_t>(ec.value()));
    return reason >= SSL_AD_REASON_OFFSET ? std::optional(reason - SSL_AD_REASON_OFFSET) : std::nullopt;
}

void look_at_certificate(X509* leaf, client_result& result)
{
    if (!leaf)
        return;
    bssl::UniquePtr<GENERAL_NAMES> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr)));
    for (std::size_t i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const auto* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type == GEN_DNS)
            result.names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
    }
    bssl::UniquePtr<ASN1_OBJECT> acme_identifier(OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1));
    result.for_challenge = X509_get_ext_by_OBJ(leaf, acme_identifier.get(), -1) >= 0;
}

void look(SSL* tls, client_result& result)
{
    const std::uint8_t* protocol = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(tls, &protocol, &length);
    result.protocol.assign(reinterpret_cast<const char*>(protocol), length);
    result.resumed = SSL_session_reused(tls) == 1;
    result.version = SSL_version(tls);
    look_at_certificate(bssl::UniquePtr<X509>(SSL_get_peer_certificate(tls)).get(), result);
}

tcp::endpoint here(std::uint16_t port)
{
    return {asio::ip::address_v4::loopback(), port};
}

int result_index()
{
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

// In TLS 1.3 a session comes after the handshake.
int keep_session(SSL* tls, SSL_SESSION* session)
{
    auto* result = static_cast<client_result*>(SSL_get_ex_data(tls, result_index()));
    result->session.reset(session);
    return 1;
}

template <class Stream>
asio::awaitable<std::string> exchange(Stream& stream, std::string octets)
{
    error_code ec;
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    co_await asio::async_write(stream, asio::buffer(octets), token);
    std::string answer;
    auto buffer = asio::dynamic_buffer(answer);
    co_await asio::async_read(stream, buffer, token);
    co_return answer;
}

} // namespace

asio::awaitable<client_result> connect_tls(std::uint16_t port, client_offer offer)
{
    client_result result;
    asio::ssl::context context(asio::ssl::context::tls_client);
    SSL_CTX_set_session_cache_mode(context.native_handle(), SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(context.native_handle(), &keep_session);
    asio::ssl::stream<tcp::socket> stream(co_await asio::this_coro::executor, context);
    SSL_set_ex_data(stream.native_handle(), result_index(), &result);
    apply(offer, stream.native_handle());
    co_await stream.next_layer().async_connect(here(port), asio::use_awaitable);
    auto token = asio::redirect_error(asio::use_awaitable, result.error);
    co_await stream.async_handshake(asio::ssl::stream_base::client, token);
    result.alert = alert_of(result.error);
    if (result.error)
        co_return result;
    look(stream.native_handle(), result);
    error_code ec;
    auto read_token = asio::redirect_error(asio::use_awaitable, ec);
    auto buffer = asio::dynamic_buffer(result.text);
    co_await asio::async_read(stream, buffer, read_token);
    co_return result;
}

asio::awaitable<void> connect_tcp(tcp::socket& socket, std::uint16_t port, std::string from)
{
    socket.open(tcp::v4());
    socket.bind({asio::ip::make_address(from), 0});
    co_await socket.async_connect(here(port), asio::use_awaitable);
}

asio::awaitable<std::string> talk_tls(std::uint16_t port, std::string octets, std::string server_name, std::string from)
{
    asio::ssl::context context(asio::ssl::context::tls_client);
    asio::ssl::stream<tcp::socket> stream(co_await asio::this_coro::executor, context);
    apply(client_offer(server_name), stream.native_handle());
    co_await connect_tcp(stream.next_layer(), port, std::move(from));
    co_await stream.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
    co_return co_await exchange(stream, octets);
}

asio::awaitable<std::string> talk_tcp(std::uint16_t port, std::string octets)
{
    tcp::socket socket(co_await asio::this_coro::executor);
    co_await socket.async_connect(here(port), asio::use_awaitable);
    co_return co_await exchange(socket, octets);
}

} // namespace acme::test
