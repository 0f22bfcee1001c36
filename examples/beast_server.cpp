// Certificates for a Beast server of one's own: `install` once, and `acme::async_handshake` in place of the stream's.

#include "arguments.hpp"
#include "store.hpp"

#include <acme/manager.hpp>
#include <acme/tls.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include <sstream>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::use_awaitable;
using asio::ip::tcp;

asio::awaitable<void> serve_client(beast::ssl_stream<beast::tcp_stream> stream, acme::manager& certificates)
{
    co_await acme::async_handshake(stream, certificates);

    beast::flat_buffer buffer;
    for (bool open = true; open;) {
        beast::get_lowest_layer(stream).expires_after(std::chrono::seconds(30));
        http::request<http::string_body> request;
        co_await http::async_read(stream, buffer, request, use_awaitable);
        http::response<http::string_body> response(http::status::ok, request.version());
        response.body() = "Hello, " + std::string(request.target()) + "\n";
        response.keep_alive(request.keep_alive());
        response.prepare_payload();
        co_await http::async_write(stream, response, use_awaitable);
        open = response.keep_alive();
    }
    co_await stream.async_shutdown(use_awaitable);
}

asio::awaitable<void> accept_clients(tcp::acceptor& acceptor, asio::ssl::context& tls, acme::manager& certificates)
{
    asio::steady_timer pause(acceptor.get_executor());
    for (;;) {
        auto executor = asio::make_strand(acceptor.get_executor());
        tcp::socket socket(executor);
        boost::system::error_code ec;
        co_await acceptor.async_accept(socket, asio::redirect_error(use_awaitable, ec));
        if (ec) {
            // Too many open files, say: that passes.
            print_line("accept: " + ec.message());
            pause.expires_after(std::chrono::milliseconds(100));
            co_await pause.async_wait(use_awaitable);
            continue;
        }
        beast::ssl_stream<beast::tcp_stream> stream(std::move(socket), tls);
        auto finished = [](std::exception_ptr failure) {
            try {
                if (failure)
                    std::rethrow_exception(failure);
            } catch (const acme::error& e) {
                // No certificate, or no client: a validation by the CA.
                print_line(e.what());
            } catch (const std::exception&) {
                // The client is gone, or spoke neither TLS nor HTTP.
            }
        };
        asio::co_spawn(executor, serve_client(std::move(stream), certificates), finished);
    }
}

} // namespace

int main(int argc, char** argv)
try {
    arguments given(argc, argv,
        "usage: beast_server [--https ADDR:PORT] [--directory URL] [--ca-bundle FILE] [--self-check on|off] "
        "[--cache PATH]\n",
        {"--https", "--directory", "--ca-bundle", "--self-check", "--cache"});
    given.refuse_words();
    acme::config options;
    options.directory_url = given.get("--directory", options.directory_url);
    options.https.ca_file = given.get("--ca-bundle");
    options.self_check.enabled = given.get_switch("--self-check", false);
    options.on_event = [](const acme::event& e) { print_line(acme::describe(e)); };

    asio::io_context io;
    acme::manager certificates(io.get_executor(), options);
    asio::ssl::context tls(asio::ssl::context::tls_server);
    tls.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
    acme::install(tls, certificates);

    tcp::acceptor acceptor(io, parse_address(given.get("--https", "[::]:443")));
    std::ostringstream where;
    where << "listening on https://" << acceptor.local_endpoint();
    print_line(where.str());
    auto finished = [](std::exception_ptr failure) {
        if (failure)
            std::rethrow_exception(failure);
    };
    if (given.has("--cache"))
        asio::co_spawn(io, use_store(certificates, store_settings(given.get("--cache"))), finished);
    asio::co_spawn(io, accept_clients(acceptor, tls, certificates), finished);
    io.run();
} catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
}
