#include "server/running.hpp"

#include <acme/testing/manual_clock.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

namespace acme::test {
namespace {

// A client of the server, step by step.
class visitor
{
public:
    visitor(bench& b, const running& s)
        : bench_(b)
        , context_(asio::ssl::context::tls_client)
        , stream_(b.io, context_)
    {
        SSL_set_tlsext_host_name(stream_.native_handle(), "serve.example");
        bench_.run(arrive(s.port()));
    }

    void say(const std::string& octets) { bench_.run(write(octets)); }
    // All that comes until the server ends the connection, or half of it.
    std::string listen() { return bench_.run(read()); }

    // How it ended.
    boost::system::error_code end;

private:
    asio::awaitable<void> arrive(std::uint16_t port)
    {
        const tcp::endpoint where(asio::ip::address_v4::loopback(), port);
        co_await stream_.next_layer().async_connect(where, asio::use_awaitable);
        co_await stream_.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
    }
    asio::awaitable<void> write(std::string octets)
    {
        co_await asio::async_write(stream_, asio::buffer(octets), asio::use_awaitable);
    }
    asio::awaitable<std::string> read()
    {
        std::string text;
        auto buffer = asio::dynamic_buffer(text);
        co_await asio::async_read(stream_, buffer, asio::redirect_error(asio::use_awaitable, end));
        if (end == asio::error::eof) {
            boost::system::error_code ec;
            co_await stream_.async_shutdown(asio::redirect_error(asio::use_awaitable, ec));
        }
        co_return text;
    }

    bench& bench_;
    asio::ssl::context context_;
    asio::ssl::stream<tcp::socket> stream_;
};

// An application that answers when it is told to.
struct gate
{
    explicit gate(asio::io_context& io)
        : opened(io, asio::steady_timer::time_point::max())
    {}

    asio::awaitable<http_response> operator()(const http_request& request)
    {
        http_response response;
        response.body() = "answered " + request.body();
        if (request.target() == "/wait")
            co_await opened.async_wait(asio::as_tuple(asio::use_awaitable));
        co_return response;
    }

    asio::steady_timer opened;
};

boost::system::error_code try_to_connect(bench& b, std::uint16_t port)
{
    boost::system::error_code ec;
    tcp::socket socket(b.io);
    socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), port), ec);
    return ec;
}

BOOST_AUTO_TEST_SUITE(graceful_end)

BOOST_AUTO_TEST_CASE(connections_are_drained_and_closed_in_tlss_own_way)
{
    bench b;
    gate g(b.io);
    auto options = quick();
    options.shutdown_grace = 1h;
    running s(b, options, [&g](const http_request& r) { return g(r); });
    const auto port = s.port(), http_port = s.http_port();
    visitor busy(b, s), sending(b, s), idle(b, s), silent(b, s);
    sending.say(request("/", "Content-Length: 5\r\n", "POST") + "12");
    idle.say(request("/"));
    busy.say(request("/wait"));
    b.wait_for([&] { return s.asked("/") == 1 && s.asked("/wait") == 1; });
    const auto end = [&]() -> asio::awaitable<bool> {
        co_await b.certificates().async_shutdown();
        co_return true;
    };
    auto ending = begin(b, end());
    // Nobody is let in any more, and who has nothing under way is sent away.
    BOOST_TEST(has(idle.listen(), "answered "));
    BOOST_TEST((idle.end == asio::error::eof), idle.end.message());
    BOOST_TEST(silent.listen().empty());
    BOOST_TEST((silent.end == asio::error::eof), silent.end.message());
    BOOST_TEST((try_to_connect(b, port) == asio::error::connection_refused));
    BOOST_TEST((try_to_connect(b, http_port) == asio::error::connection_refused));
    BOOST_TEST(!s.done);
    // A request that had begun to come is read, and each one answered.
    sending.say("345");
    auto answer = sending.listen();
    BOOST_TEST(has(answer, "Connection: close\r\n"));
    BOOST_TEST(answer.ends_with("answered 12345"));
    BOOST_TEST((sending.end == asio::error::eof), sending.end.message());
    BOOST_TEST(!s.done);
    g.opened.cancel();
    answer = busy.listen();
    BOOST_TEST(has(answer, "Connection: close\r\n"));
    BOOST_TEST(answer.ends_with("answered "));
    BOOST_TEST((busy.end == asio::error::eof), busy.end.message());
    s.wait();
    BOOST_TEST(!s.end->code);
    BOOST_TEST(s.errors.empty());
    b.wait_for([&] { return ending->done(); });
}

BOOST_AUTO_TEST_CASE(a_full_server_stops_listening_before_its_connections_end)
{
    bench b;
    gate g(b.io);
    auto options = quick();
    options.max_connections = options.max_connections_per_client = 2;
    options.shutdown_grace = 1h;
    running s(b, options, [&g](const http_request& r) { return g(r); });
    const auto port = s.port();
    visitor one(b, s), another(b, s);
    for (auto* each : {&one, &another})
        each->say(request("/wait"));
    b.wait_for([&] { return s.asked("/wait") == 2; });
    asio::co_spawn(b.io, b.certificates().async_shutdown(), asio::detached);
    b.wait_for([&] { return try_to_connect(b, port) == asio::error::connection_refused; });
    BOOST_TEST(!s.done);
    g.opened.cancel();
    for (auto* each : {&one, &another})
        BOOST_TEST(each->listen().ends_with("answered "));
    s.wait();
}

BOOST_AUTO_TEST_CASE(what_is_not_done_in_time_is_cut_off)
{
    bench b;
    gate g(b.io);
    auto options = quick();
    options.shutdown_grace = 100ms;
    running s(b, options, [&g](const http_request& r) { return g(r); });
    visitor busy(b, s);
    busy.say(request("/wait"));
    b.wait_for([&] { return s.asked("/wait") == 1; });
    b.run(b.certificates().async_shutdown());
    // An answer that was cut off must not look like a whole one.
    BOOST_TEST(busy.listen().empty());
    BOOST_TEST((busy.end != asio::error::eof), busy.end.message());
    s.wait();
}

BOOST_AUTO_TEST_CASE(ticket_keys_are_rotated_while_nobody_comes)
{
    // Counts how often it is asked.
    struct counting_clock : testing::manual_clock
    {
        time_point now() const noexcept override
        {
            ++asked;
            return manual_clock::now();
        }
        mutable std::size_t asked = 0;
    };
    config options;
    auto time = std::make_shared<testing::manual_clock>();
    options.clock = time;
    bench b(options);
    ticket_key_options of_keys;
    auto of_keys_time = std::make_shared<counting_clock>();
    of_keys.clock = of_keys_time;
    auto serving = quick();
    serving.ticket_keys = std::make_shared<ticket_keys>(of_keys);
    running s(b, serving);
    for (int i = 0; i < 3; ++i) {
        const auto before = of_keys_time->asked;
        time->advance(of_keys.interval - 1s);
        b.run(pause(5ms));
        BOOST_TEST(of_keys_time->asked == before);
        time->advance(1s);
        b.wait_for([&] { return of_keys_time->asked > before; });
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
