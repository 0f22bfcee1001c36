#include "transport/tls_server.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <utility>

namespace acme::test {

using asio::ip::tcp;
using boost::system::error_code;

made_chain chain_for_now(std::vector<std::string> names, std::chrono::hours leaf_ends_in)
{
    const auto now = std::chrono::system_clock::now();
    chain_options options(std::move(names));
    for (auto* c : {&options.leaf, &options.intermediate, &options.root}) {
        c->not_before = now - std::chrono::hours(48);
        c->not_after = now + std::chrono::hours(48);
    }
    options.leaf.not_after = now + leaf_ends_in;
    return make_chain(options);
}

std::shared_ptr<tls_server> tls_server::start(
    asio::io_context& io, const made_chain& chain, behaviour b, const std::string& address)
{
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::make_address(address), 0));
    std::shared_ptr<tls_server> s(new tls_server);
    s->port_ = acceptor.local_endpoint().port();
    s->behaviour_ = std::move(b);
    s->context.use_certificate_chain(asio::buffer(chain.pem));
    s->context.use_private_key(asio::buffer(chain.leaf_key.to_pem()), asio::ssl::context::pem);
    asio::co_spawn(io, s->accept(std::move(acceptor)), asio::detached);
    return s;
}

std::string tls_server::origin(const std::string& host) const
{
    return "https://" + host + ":" + std::to_string(port_);
}

asio::awaitable<void> tls_server::accept(tcp::acceptor acceptor)
{
    const auto self = shared_from_this();
    for (;;) {
        tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
        auto session = serve(std::move(socket), ++connections);
        asio::co_spawn(acceptor.get_executor(), std::move(session), asio::detached);
    }
}

asio::awaitable<void> tls_server::serve(tcp::socket socket, std::size_t number)
{
    const auto self = shared_from_this();
    tls_stream stream(std::move(socket), context);
    ++open;
    try {
        if (!plain)
            co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
        co_await behaviour_(stream, number);
    } catch (const std::exception&) {
        // The peer's end of it is what is tested.
    }
    --open;
}

asio::awaitable<std::string> tls_server::async_read_request(tls_stream& s)
{
    std::string text;
    error_code ec;
    const std::size_t header = co_await asio::async_read_until(
        s, asio::dynamic_buffer(text), "\r\n\r\n", asio::redirect_error(asio::use_awaitable, ec));
    if (ec)
        co_return std::string();
    const auto at = text.find("Content-Length: ");
    const std::size_t body = at < header ? std::stoul(text.substr(at + 16)) : 0;
    if (text.size() < header + body)
        co_await asio::async_read(
            s, asio::dynamic_buffer(text), asio::transfer_exactly(header + body - text.size()), asio::use_awaitable);
    requests.push_back(text);
    co_return text;
}

tls_server::behaviour answering(std::shared_ptr<tls_server>& server, std::string answer)
{
    return [&server, answer = std::move(answer)](tls_stream& s, std::size_t) -> asio::awaitable<void> {
        for (;;) {
            const std::string request = co_await server->async_read_request(s);
            if (request.empty())
                co_return;
            co_await asio::async_write(s, asio::buffer(answer), asio::use_awaitable);
        }
    };
}

std::string http_answer(const std::string& body, const std::string& more_fields, const std::string& status)
{
    return "HTTP/1.1 " + status +
        "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more_fields +
        "\r\n" + body;
}

} // namespace acme::test
