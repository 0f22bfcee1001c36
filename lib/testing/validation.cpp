#include "testing/validation.hpp"

#include "crypto/ip_address.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <utility>

namespace acme::testing {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::use_awaitable;
using asio::ip::tcp;
using tls_stream = asio::ssl::stream<tcp::socket>;

constexpr std::string_view alpn = "acme-tls/1";
constexpr std::size_t max_body = 4096;

// Ends what a socket does after a time. Its handler may already be on its way when the socket goes.
class deadline
{
public:
    deadline(tcp::socket& socket, std::chrono::steady_clock::duration d)
        : timer_(socket.get_executor(), d)
        , socket_(std::make_shared<tcp::socket*>(&socket))
    {
        timer_.async_wait([s = socket_](const boost::system::error_code& ec) {
            boost::system::error_code ignored;
            if (!ec && *s != nullptr)
                (*s)->close(ignored);
        });
    }
    ~deadline() { *socket_ = nullptr; }
    deadline(const deadline&) = delete;
    deadline& operator=(const deadline&) = delete;

private:
    asio::steady_timer timer_;
    std::shared_ptr<tcp::socket*> socket_;
};

std::string leaf_of(SSL* tls)
{
    const bssl::UniquePtr<X509> leaf(SSL_get_peer_certificate(tls));
    std::uint8_t* der = nullptr;
    const int size = leaf ? i2d_X509(leaf.get(), &der) : 0;
    const bssl::UniquePtr<std::uint8_t> owner(der);
    return size > 0 ? std::string(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)) : std::string();
}

std::string negotiated_alpn(SSL* tls)
{
    const std::uint8_t* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(tls, &name, &size);
    return {reinterpret_cast<const char*>(name), size};
}

void prepare(SSL* tls, const validation& v)
{
    const std::string name = v.identifier.type == "ip" ? reverse_name(v.identifier.value) : v.identifier.value;
    SSL_set_tlsext_host_name(tls, name.c_str());
    const std::string wire = static_cast<char>(alpn.size()) + std::string(alpn);
    SSL_set_alpn_protos(tls, reinterpret_cast<const std::uint8_t*>(wire.data()), static_cast<unsigned>(wire.size()));
}

asio::awaitable<std::optional<validation_failure>> async_tls_alpn_01(validation_task task)
{
    asio::ssl::context context(asio::ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    context.set_verify_mode(asio::ssl::verify_none);
    tls_stream stream(co_await asio::this_coro::executor, context);
    prepare(stream.native_handle(), task.validation);
    const deadline limit(stream.next_layer(), task.timeout);
    co_await stream.next_layer().async_connect(*task.where, use_awaitable);
    co_await stream.async_handshake(asio::ssl::stream_base::client, use_awaitable);
    if (negotiated_alpn(stream.native_handle()) != alpn)
        co_return validation_failure("unauthorized", "acme-tls/1 was not negotiated");
    co_return check_tls_alpn_certificate(task.validation, leaf_of(stream.native_handle()));
}

std::string authority_of(const identifier& id)
{
    return id.type == "ip" && id.value.find(':') != std::string::npos ? "[" + id.value + "]" : id.value;
}

std::string trimmed(std::string body)
{
    body.erase(body.find_last_not_of(" \t\r\n") + 1);
    return body;
}

asio::awaitable<std::optional<validation_failure>> async_http_01(validation_task task)
{
    const validation& v = task.validation;
    tcp::socket socket(co_await asio::this_coro::executor);
    const deadline limit(socket, task.timeout);
    co_await socket.async_connect(*task.where, use_awaitable);
    http::request<http::empty_body> request(http::verb::get, "/.well-known/acme-challenge/" + v.token, 11);
    request.set(http::field::host, authority_of(v.identifier));
    request.set(http::field::user_agent, "asio-acme test CA");
    request.set(http::field::connection, "close");
    co_await http::async_write(socket, request, use_awaitable);
    boost::beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(max_body);
    co_await http::async_read(socket, buffer, parser, use_awaitable);
    if (parser.get().result() != http::status::ok)
        co_return validation_failure(
            "unauthorized", "the answer has the status " + std::to_string(parser.get().result_int()));
    if (trimmed(parser.get().body()) != v.key_authorization)
        co_return validation_failure("unauthorized", "the answer is not the key authorization");
    co_return std::nullopt;
}

} // namespace

asio::awaitable<std::optional<validation_failure>> async_validate(validation_task task)
{
    const std::string type = task.validation.type;
    if (!task.where || (type != "tls-alpn-01" && type != "http-01"))
        co_return validation_failure("connection", "this test CA has no endpoint for " + type);
    std::string why;
    try {
        if (type == "tls-alpn-01")
            co_return co_await async_tls_alpn_01(std::move(task));
        co_return co_await async_http_01(std::move(task));
    } catch (const std::exception& e) {
        why = e.what();
    }
    co_return validation_failure("connection", why);
}

} // namespace acme::testing
