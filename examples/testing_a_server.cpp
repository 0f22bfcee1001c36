// A test of one's own server, with all that it has: a CA in the process issues its certificate during the first
// handshake, after it validated the server over loopback, and a fault is survived on the way.

#include <acme/manager.hpp>
#include <acme/serve.hpp>
#include <acme/testing/ca.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <iostream>

namespace asio = boost::asio;
using asio::ip::tcp;

// The server that is tested.
asio::awaitable<void> serve(acme::manager& certificates, acme::serve_options options)
{
    const auto hello = [](const acme::http_request&) { return acme::http_response(); };
    co_await acme::async_serve_https(certificates, hello, std::move(options));
}

// The test: throws where a browser that trusts the CA would show a warning.
asio::awaitable<void> visit(tcp::endpoint where, std::string trust_anchor, std::string host)
{
    asio::ssl::context tls(asio::ssl::context::tls_client);
    tls.add_certificate_authority(asio::buffer(trust_anchor));
    asio::ssl::stream<tcp::socket> stream(co_await asio::this_coro::executor, tls);
    stream.set_verify_mode(asio::ssl::verify_peer);
    stream.set_verify_callback(asio::ssl::host_name_verification(host));
    SSL_set_tlsext_host_name(stream.native_handle(), host.c_str());
    co_await stream.next_layer().async_connect(where, asio::use_awaitable);
    co_await stream.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
}

int main()
try {
    using namespace acme::testing;
    asio::io_context io;
    ca authority;
    authority.listen(io.get_executor());
    authority.inject(at(step::any).nth(4), fault::bad_nonce());

    acme::config configuration;
    configuration.directory_url = authority.directory_url();
    configuration.https.trust_anchors = authority.root_pem();
    configuration.self_check.enabled = false; // www.example.com is not here
    acme::manager certificates(io.get_executor(), configuration);

    auto finished = [&](std::exception_ptr failure) {
        io.stop();
        if (failure)
            std::rethrow_exception(failure);
    };
    acme::serve_options options;
    options.https = {tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
    options.on_listening = [&](const acme::listening& l) {
        authority.change([&](ca_state& s) { s.options.tls_alpn_01 = l.https.front(); });
        asio::co_spawn(io, visit(l.https.front(), authority.root_pem(), "www.example.com"), finished);
    };
    asio::co_spawn(io, serve(certificates, options), finished);
    io.run();

    const bool well = authority.state().validations == 1 && authority.count(step::finalize) == 1;
    std::cout << (well ? "the server has a certificate for www.example.com\n" : "not as expected\n");
    return well ? 0 : 1;
} catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
}
