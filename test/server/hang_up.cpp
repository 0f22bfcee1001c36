#include "server/greeter.hpp"

#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/mpl/list.hpp>

/// Clients that go while their handshakes wait for a certificate.
namespace acme::test {
namespace {

/// A client whose handshake goes on in the background.
struct client
{
    client(bench& b, std::uint16_t port)
        : context(asio::ssl::context::tls_client)
        , stream(b.io, context)
    {
        SSL_set_tlsext_host_name(stream.native_handle(), "new.example");
        b.run(connect_tcp(stream.next_layer(), port));
        stream.async_handshake(asio::ssl::stream_base::client, [](boost::system::error_code) {});
    }

    asio::ssl::context context;
    asio::ssl::stream<tcp::socket> stream;
};

template <class Stream>
struct waited_for
{
    waited_for()
        : server(b)
    {
        server.options.waiters = std::make_shared<handshake_waiters>(1);
        server.options.client_address = asio::ip::address_v4::loopback();
        b.ca->open = false;
    }

    bool is_free()
    {
        const bool entered = server.options.waiters->enter(std::nullopt);
        if (entered)
            server.options.waiters->leave(std::nullopt);
        return entered;
    }

    bench b;
    greeter<Stream> server;
};

using streams = boost::mpl::list<asio::ssl::stream<tcp::socket>, boost::beast::ssl_stream<boost::beast::tcp_stream>>;

BOOST_AUTO_TEST_SUITE(hang_up)

BOOST_AUTO_TEST_CASE_TEMPLATE(who_closes_the_connection_waits_no_longer, Stream, streams)
{
    waited_for<Stream> t;
    for (const bool by_reset : {false, true}) {
        client c(t.b, t.server.port());
        t.b.wait_for([&] { return !t.is_free(); });
        t.b.run(pause(50ms));
        BOOST_TEST(!t.is_free());
        c.stream.next_layer().set_option(tcp::socket::linger(by_reset, 0));
        c.stream.next_layer().close();
        t.b.wait_for([&] { return t.is_free(); });
    }
    wait_for_ends(t.b, t.server.ends, 2);
    for (const auto& end : t.server.ends)
        BOOST_TEST((end.code == asio::ssl::error::stream_truncated));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(who_has_sent_more_is_not_taken_for_gone_until_it_resets, Stream, streams)
{
    waited_for<Stream> t;
    client c(t.b, t.server.port());
    t.b.wait_for([&] { return !t.is_free(); });
    t.b.run([&]() -> asio::awaitable<void> {
        co_await asio::async_write(c.stream.next_layer(), asio::buffer("more", 4), asio::use_awaitable);
        co_await pause(50ms);
    }());
    BOOST_TEST(!t.is_free());
    c.stream.next_layer().set_option(tcp::socket::linger(true, 0));
    c.stream.next_layer().close();
    t.b.wait_for([&] { return t.is_free(); });
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(waiters)

BOOST_AUTO_TEST_CASE(they_are_counted_for_each_client_and_in_all)
{
    handshake_waiters w(4, 2);
    const auto address = [](const char* text) { return std::optional(asio::ip::make_address(text)); };
    BOOST_TEST(w.enter(address("192.0.2.1")));
    BOOST_TEST(w.enter(address("::ffff:192.0.2.1")));
    BOOST_TEST(!w.enter(address("192.0.2.1")));
    BOOST_TEST(w.enter(address("2001:db8::1")));
    BOOST_TEST(w.enter(address("2001:db8::2")));
    BOOST_TEST(!w.enter(address("192.0.2.2")));
    BOOST_TEST(!w.enter(std::nullopt));
    w.leave(address("192.0.2.1"));
    BOOST_TEST(!w.enter(address("2001:db8::3")));
    BOOST_TEST(w.enter(address("192.0.2.1")));
    w.leave(address("2001:db8::1"));
    BOOST_TEST(w.enter(std::nullopt));
    // By default no client has more than half.
    handshake_waiters by_default(3);
    BOOST_TEST(by_default.enter(address("192.0.2.1")));
    BOOST_TEST(by_default.enter(address("192.0.2.1")));
    BOOST_TEST(!by_default.enter(address("192.0.2.1")));
    handshake_waiters none(0);
    BOOST_TEST(!none.enter(address("192.0.2.1")));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
