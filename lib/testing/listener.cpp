#include "testing/listener.hpp"

#include "testing/validation.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>

#include <openssl/ssl.h>

#include <utility>

namespace acme::testing {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::use_awaitable;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t max_body = 64 * 1024;
constexpr std::uint32_t max_header = 16 * 1024;

std::string text_of(boost::beast::string_view s)
{
    return {s.data(), s.size()};
}

https_request to_request(const http::request<http::string_body>& message, const std::string& origin)
{
    https_request request(text_of(message.method_string()), origin + text_of(message.target()));
    request.content_type = text_of(message[http::field::content_type]);
    request.accept = text_of(message[http::field::accept]);
    request.body = message.body();
    return request;
}

std::string header_of(const https_response& answer, bool keep_alive)
{
    const auto reason = http::obsolete_reason(http::int_to_status(answer.status));
    std::string text = "HTTP/1.1 " + std::to_string(answer.status) + " " + text_of(reason) + "\r\n";
    for (const auto& [name, value] : answer.fields)
        text += name + ": " + value + "\r\n";
    if (answer.status != 204)
        text += "content-length: " + std::to_string(answer.body.size()) + "\r\n";
    text += keep_alive ? "" : "connection: close\r\n";
    return text + "cache-control: no-store\r\n\r\n";
}

void reset(tcp::socket& socket)
{
    error_code ignored;
    socket.set_option(asio::socket_base::linger(true, 0), ignored);
    socket.close(ignored);
}

using tell_end = std::function<void(const validation_task&, const std::optional<validation_failure>&)>;

asio::awaitable<void> carry_out(validation_task task, tell_end tell)
{
    const auto failure = co_await async_validate(task);
    tell(task, failure);
}

} // namespace

std::function<void(validation_task)> validations_on(asio::any_io_executor executor, tell_end tell)
{
    return [executor = std::move(executor), tell = std::move(tell)](validation_task task) {
        asio::co_spawn(asio::make_strand(executor), carry_out(std::move(task), tell), asio::detached);
    };
}

// A connection that `close` knows of.
struct listener::open_socket
{
    open_socket(listener& owner_, tcp::socket& socket_)
        : owner(owner_)
        , socket(socket_)
    {
        owner.sockets_.insert(&socket);
    }
    ~open_socket() { owner.sockets_.erase(&socket); }
    open_socket(const open_socket&) = delete;
    open_socket& operator=(const open_socket&) = delete;

    listener& owner;
    tcp::socket& socket;
};

listener::listener(asio::any_io_executor executor, const tcp::endpoint& where)
    : strand_(asio::make_strand(std::move(executor)))
    , acceptor_(strand_, where)
{}

void listener::start(const std::string& chain, const std::string& private_key, std::string origin, answering answer)
{
    SSL_CTX_set_min_proto_version(context_.native_handle(), TLS1_2_VERSION);
    context_.use_certificate_chain(asio::buffer(chain));
    context_.use_private_key(asio::buffer(private_key), asio::ssl::context::pem);
    origin_ = std::move(origin);
    answer_ = std::move(answer);
    asio::co_spawn(strand_, accept(shared_from_this()), asio::detached);
}

void listener::close()
{
    asio::post(strand_, [self = shared_from_this()] {
        error_code ignored;
        self->acceptor_.close(ignored);
        for (tcp::socket* socket : self->sockets_)
            socket->close(ignored);
    });
}

asio::awaitable<void> listener::accept(std::shared_ptr<listener> self)
{
    while (acceptor_.is_open()) {
        error_code ec;
        tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(use_awaitable, ec));
        if (ec)
            continue;
        auto session = serve(self, std::move(socket));
        asio::co_spawn(strand_, std::move(session), asio::detached);
    }
}

asio::awaitable<void> listener::serve(std::shared_ptr<listener> self, tcp::socket socket)
{
    tls_stream stream(std::move(socket), context_);
    const open_socket entry(*self, stream.next_layer());
    error_code ignored;
    stream.next_layer().set_option(tcp::no_delay(true), ignored);
    try {
        co_await stream.async_handshake(asio::ssl::stream_base::server, use_awaitable);
        co_await serve_requests(stream);
    } catch (const std::exception&) {
        // However a connection ends, the CA goes on.
    }
}

asio::awaitable<void> listener::serve_requests(tls_stream& stream)
{
    boost::beast::flat_buffer buffer;
    for (bool open = true; open;) {
        http::request_parser<http::string_body> parser;
        parser.header_limit(max_header);
        parser.body_limit(max_body);
        co_await http::async_read(stream, buffer, parser, use_awaitable);
        const bool keep_alive = parser.keep_alive();
        const https_request request = to_request(parser.get(), origin_);
        open = co_await deliver(stream, answer_(request), keep_alive, request.method == "HEAD");
    }
}

// False where the connection is of no more use.
asio::awaitable<bool> listener::deliver(tls_stream& stream, outcome out, bool keep_alive, bool head)
{
    if (out.how == delivery::reset)
        reset(stream.next_layer());
    if (out.how == delivery::stall) {
        char octet = 0;
        co_await stream.async_read_some(asio::buffer(&octet, 1), use_awaitable);
    }
    if (out.how == delivery::reset || out.how == delivery::stall)
        co_return false;
    std::string text = header_of(out.answer, keep_alive);
    if (!head)
        text += out.how == delivery::truncated ? out.answer.body.substr(0, out.octets) : out.answer.body;
    co_await asio::async_write(stream, asio::buffer(text), use_awaitable);
    co_return keep_alive&& out.how == delivery::whole;
}

} // namespace acme::testing
