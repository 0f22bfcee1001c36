// The measure: Asio, Beast and BoringSSL with one fixed certificate, and nothing of this library.

#include "accept.hpp"

#include <boost/asio/redirect_error.hpp>

#include <chrono>
#include <cstdlib>

namespace acme::bench {
namespace {

asio::awaitable<void> converse(tcp::socket socket, asio::ssl::context& tls)
{
    tls_stream stream(std::move(socket), tls);
    boost::beast::get_lowest_layer(stream).expires_after(std::chrono::seconds(10));
    boost::system::error_code ec;
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    co_await stream.async_handshake(asio::ssl::stream_base::server, token);
}

int serve(int argc, char** argv)
{
    stay_on_core(server_core);
    asio::ssl::context tls(asio::ssl::context::tls_server);
    tls.use_certificate_chain_file(argument(argc, argv, "chain"));
    tls.use_private_key_file(argument(argc, argv, "key"), asio::ssl::context::pem);
    asio::io_context io(1);
    auto acceptor = listen(io, 0);
    auto handle = [&](tcp::socket socket) { co_spawn(io, converse(std::move(socket), tls), asio::detached); };
    co_spawn(io, accept(acceptor, handle), asio::detached);
    run_until_told(io);
    return EXIT_SUCCESS;
}

} // namespace
} // namespace acme::bench

int main(int argc, char** argv)
{
    return acme::bench::serve(argc, argv);
}
