#include "kit/sanitized.hpp"
#include "server/running.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>

#include <list>
#include <malloc.h>

/// A server that has to do with many clients, or with bad ones.
namespace acme::test {
namespace {

using boost::system::error_code;

const std::string here = "127.0.0.1";
const std::string elsewhere = "127.0.0.2";

std::ptrdiff_t allocated_octets()
{
    const auto all = ::mallinfo2();
    return static_cast<std::ptrdiff_t>(all.uordblks + all.hblkhd);
}

BOOST_AUTO_TEST_SUITE(crowded)

/// A server with clients that connect and do nothing more.
struct beset
{
    beset(std::size_t limit, std::size_t client_limit)
        : s(b, with_limits(limit, client_limit))
    {
        b.run(b.certificates().async_get_certificate(std::string("serve.example")));
    }

    static serve_options with_limits(std::size_t limit, std::size_t client_limit)
    {
        auto options = quick();
        options.max_connections = limit;
        options.max_connections_per_client = client_limit;
        return options;
    }

    void hold(std::uint16_t port, const std::string& from)
    {
        held.emplace_back(b.io);
        b.run(connect_tcp(held.back(), port, from));
    }

    // How a connection ends whose client says nothing.
    error_code end(std::uint16_t port, const std::string& from) { return b.run(read_to_end(port, from)); }

    bool is_served(const std::string& from)
    {
        return has(b.run(talk_tls(s.port(), request("/", close_after), "serve.example", from)), "hello /");
    }

    static asio::awaitable<error_code> read_to_end(std::uint16_t port, std::string from)
    {
        tcp::socket socket(co_await asio::this_coro::executor);
        co_await connect_tcp(socket, port, from);
        char octet = 0;
        error_code ec;
        auto token = asio::redirect_error(asio::use_awaitable, ec);
        co_await asio::async_read(socket, asio::buffer(&octet, 1), token);
        co_return ec;
    }

    bench b;
    running s;
    std::list<tcp::socket> held;
};

BOOST_AUTO_TEST_CASE(one_client_has_half_of_the_connections)
{
    beset t(4, 0);
    for (auto port : {t.s.port(), t.s.http_port()}) {
        t.hold(port, here);
        t.hold(port, here);
        for (int i = 0; i < 20; ++i)
            BOOST_TEST((t.end(port, here) == asio::error::connection_reset));
    }
    BOOST_TEST(t.is_served(elsewhere));
    BOOST_TEST(t.s.errors.empty());
    // Gone is gone.
    t.held.pop_front();
    t.b.wait_for([&] { return t.s.errors.size() == 1; });
    BOOST_TEST(t.is_served(here));
    BOOST_TEST(t.is_served(here));
}

BOOST_AUTO_TEST_CASE(one_client_may_be_given_less_or_all)
{
    beset less(4, 1);
    less.hold(less.s.port(), here);
    BOOST_TEST((less.end(less.s.port(), here) == asio::error::connection_reset));
    less.hold(less.s.port(), elsewhere);
    BOOST_TEST((less.end(less.s.port(), elsewhere) == asio::error::connection_reset));
    beset all(4, 4);
    for (int i = 0; i < 3; ++i)
        all.hold(all.s.port(), here);
    BOOST_TEST(all.is_served(here));
}

// A stream's buffers have 17 KB each.
BOOST_AUTO_TEST_CASE(connections_that_say_nothing_have_no_tls_buffers)
{
    // A sanitizer's own allocator does not count.
    if (sanitized)
        return;
    constexpr int connections = 100;
    beset t(2 * connections, 2 * connections);
    const auto before = allocated_octets();
    for (int n = 0; n != connections; ++n)
        t.hold(t.s.port(), here);
    BOOST_TEST(t.is_served(here));
    BOOST_TEST((allocated_octets() - before) / connections < 17'000);
}

asio::awaitable<std::string> come_until_served(std::uint16_t port, std::string host)
{
    for (;;) {
        try {
            co_return co_await talk_tls(port, request("/", close_after), host);
        } catch (const boost::system::system_error&) {
            // There was no place to wait in.
        }
        co_await pause(10ms);
    }
}

BOOST_AUTO_TEST_CASE(validations_come_through_clients_that_wait)
{
    beset t(4, 4);
    auto& options = t.b.ca->ca.state().options;
    options.challenge_types = {"tls-alpn-01"};
    options.tls_alpn_01 = t.s.where.https.at(0);
    t.b.ca->open = false;
    std::vector<std::shared_ptr<outcome<std::string>>> clients;
    for (int i = 0; i < 20; ++i)
        clients.push_back(begin(t.b, come_until_served(t.s.port(), "host" + std::to_string(i % 4) + ".example")));
    auto is_full = [&] {
        return std::ranges::count(t.s.errors, make_error_code(errc::too_many_waiters), &caught::code) > 10;
    };
    t.b.wait_for(is_full);
    BOOST_TEST(t.b.ca->waiting > 0U);
    t.b.ca->open = true;
    t.b.wait_for([&] { return std::ranges::all_of(clients, [](const auto& c) { return c->done(); }); });
    for (const auto& each : clients)
        BOOST_TEST((each->value && has(*each->value, "hello /")));
    auto is_validation = [](const event& e) { return std::holds_alternative<validation_answered>(e); };
    BOOST_TEST(std::ranges::count_if(t.b.events, is_validation) == 4);
}

// A host for which there is never a certificate.
config with_a_tarpit()
{
    config c;
    c.decision_timeout = std::chrono::hours(1);
    c.decide = [](std::string host, client_hello) -> asio::awaitable<bool> {
        if (host == "tarpit.example")
            co_await pause(1h);
        co_return true;
    };
    return c;
}

BOOST_AUTO_TEST_CASE(one_client_has_half_of_the_places_to_wait_in)
{
    bench b(with_a_tarpit());
    running s(b, beset::with_limits(16, 0));
    std::vector<std::shared_ptr<outcome<std::string>>> clients;
    for (int i = 0; i < 7; ++i)
        clients.push_back(begin(b, talk_tls(s.port(), request("/"), "tarpit.example", here)));
    const auto refused = [&] {
        return std::ranges::count(s.errors, make_error_code(errc::too_many_waiters), &caught::code);
    };
    b.wait_for([&] { return refused() == 3; });
    BOOST_TEST(std::ranges::count_if(clients, [](const auto& c) { return !c->done(); }) == 4);
    for (const char* host : {"a.example", "b.example"})
        BOOST_TEST(has(b.run(talk_tls(s.port(), request("/", close_after), host, elsewhere)), "hello /"));
    BOOST_CHECK_THROW(b.run(talk_tls(s.port(), request("/"), "c.example", here)), boost::system::system_error);
    b.wait_for([&] { return refused() == 4; });
}

// Until the server does not want to hear any more.
template <class Stream>
asio::awaitable<void> drip(Stream& stream, std::string octets)
{
    error_code ec;
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    for (auto at = octets.begin(); !ec && at != octets.end(); ++at) {
        co_await asio::async_write(stream, asio::buffer(&*at, 1), token);
        co_await pause(10ms);
    }
    if (!ec)
        throw std::runtime_error("all was taken");
}

asio::awaitable<std::string> drip_client_hello(std::uint16_t port)
{
    tcp::socket socket(co_await asio::this_coro::executor);
    co_await connect_tcp(socket, port);
    co_await drip(socket, "\x16\x03\x01\x14\x05\x01\x00\x14\x01\x03\x03" + std::string(5000, 'r'));
    co_return "";
}

asio::awaitable<std::string> drip_header(std::uint16_t port)
{
    asio::ssl::context context(asio::ssl::context::tls_client);
    asio::ssl::stream<tcp::socket> stream(co_await asio::this_coro::executor, context);
    SSL_set_tlsext_host_name(stream.native_handle(), "serve.example");
    co_await connect_tcp(stream.next_layer(), port);
    co_await stream.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
    co_await drip(stream, request("/" + std::string(5000, 'x')));
    co_return "";
}

// A server with four clients that are slow, each in its own way.
struct slow_clients
{
    explicit slow_clients(serve_options::duration limit)
        : s(b, with(limit))
    {
        b.run(b.certificates().async_get_certificate(std::string("serve.example")));
        const auto body = request("/", "Content-Length: 10\r\n", "POST") + "123";
        slow = {begin(b, drip_client_hello(s.port())), begin(b, drip_header(s.port())),
            begin(b, talk_tls(s.port(), body, "serve.example")),
            begin(b, talk_tls(s.port(), request("/idle"), "serve.example"))};
    }

    static serve_options with(serve_options::duration limit)
    {
        auto options = quick();
        options.handshake_timeout = options.header_timeout = options.body_timeout = options.idle_timeout = limit;
        options.shutdown_grace = 100ms;
        return options;
    }
    static bool has_ended(const std::shared_ptr<outcome<std::string>>& client) { return client->done(); }

    bench b;
    running s;
    std::vector<std::shared_ptr<outcome<std::string>>> slow;
};

BOOST_AUTO_TEST_CASE(slow_clients_end_at_their_limits_while_others_are_served)
{
    slow_clients patient(1h);
    patient.b.wait_for([&] { return patient.s.asked("/idle") == 1; });
    for (int i = 0; i < 10; ++i)
        BOOST_TEST(has(patient.s.ask(request("/", close_after)), "hello /"));
    BOOST_TEST(std::ranges::none_of(patient.slow, slow_clients::has_ended));
    slow_clients t(1s);
    const auto started = std::chrono::steady_clock::now();
    t.b.wait_for([&] { return std::ranges::any_of(t.slow, slow_clients::has_ended); });
    BOOST_TEST((std::chrono::steady_clock::now() - started >= 1s));
    t.b.wait_for([&] { return std::ranges::all_of(t.slow, slow_clients::has_ended); });
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
