#pragma once

#include "crypto/challenge_certificate.hpp"
#include "server/bench.hpp"
#include "server/tls_client.hpp"

#include <acme/tls.hpp>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/unit_test.hpp>

namespace acme::test {

inline constexpr int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

inline constexpr int internal_error = 80;
inline constexpr int unrecognized_name = 112;
inline constexpr int no_application_protocol = 120;

/// A server that says hello to whoever gets through its handshake.
template <class Stream = asio::ssl::stream<tcp::socket>>
class greeter
{
public:
    explicit greeter(bench& b)
        : context(asio::ssl::context::tls_server)
        , bench_(b)
        , acceptor_(b.io, tcp::endpoint(asio::ip::address_v4::loopback(), 0))
    {
        install(context, b.certificates());
        accept();
    }

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

    asio::ssl::context context;
    handshake_options options;
    /// How the handshakes ended.
    std::vector<caught> ends;
    std::vector<handshake_result> results;
    bool plain = false;

private:
    void accept()
    {
        acceptor_.async_accept([this](boost::system::error_code ec, tcp::socket socket) {
            if (ec)
                return;
            auto ended = [this](std::exception_ptr e) { ends.emplace_back(e); };
            asio::co_spawn(bench_.io, greet(std::move(socket)), ended);
            accept();
        });
    }

    asio::awaitable<void> greet(tcp::socket socket)
    {
        Stream stream(std::move(socket), context);
        if (plain)
            co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
        else
            results.push_back(co_await async_handshake(stream, bench_.certificates(), options));
        co_await asio::async_write(stream, asio::buffer("hello", 5), asio::use_awaitable);
        boost::system::error_code ec;
        co_await stream.async_shutdown(asio::redirect_error(asio::use_awaitable, ec));
    }

    bench& bench_;
    tcp::acceptor acceptor_;
};

inline asio::awaitable<client_result> connect(std::uint16_t port, client_offer offer)
{
    return connect_tls(port, std::move(offer));
}

inline void wait_for_ends(bench& b, const std::vector<caught>& ends, std::size_t count)
{
    b.wait_for([&] { return ends.size() >= count; });
    BOOST_TEST_REQUIRE(ends.size() >= count);
}

/// A greeter with laid credentials in place of the manager's.
struct laid
{
    explicit laid(bench& b)
        : server(b)
    {
        install(server.context, credentials);
    }

    void lay_challenge(const std::string& host)
    {
        credentials->challenges[host] =
            make_challenge_certificate(host, "token.thumbprint", std::chrono::system_clock::now());
    }

    std::shared_ptr<laid_credentials> credentials = std::make_shared<laid_credentials>();
    greeter<> server;
};

} // namespace acme::test
