#include "transport/wire.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/ioctl.h>

using namespace acme;
using namespace acme::test;
using namespace std::chrono_literals;

namespace {

asio::awaitable<void> pause(std::chrono::milliseconds d)
{
    asio::steady_timer t(co_await asio::this_coro::executor, d);
    co_await t.async_wait(asio::use_awaitable);
}

asio::awaitable<void> write(tls_stream& s, std::string text)
{
    co_await asio::async_write(s, asio::buffer(text), asio::use_awaitable);
}

// Reads a request, writes these octets, and ends the connection abruptly.
tls_server::behaviour once(wire& w, std::string answer)
{
    return [&w, answer = std::move(answer)](tls_stream& s, std::size_t) -> asio::awaitable<void> {
        co_await w.server->async_read_request(s);
        co_await write(s, answer);
    };
}

// Writes the same piece again and again.
tls_server::behaviour endless(wire& w, std::string start, std::string piece)
{
    return
        [&w, start = std::move(start), piece = std::move(piece)](tls_stream& s, std::size_t) -> asio::awaitable<void> {
            co_await w.server->async_read_request(s);
            co_await write(s, start);
            for (;;)
                co_await write(s, piece);
        };
}

} // namespace

BOOST_AUTO_TEST_SUITE(transport_https)

BOOST_AUTO_TEST_CASE(a_post_is_written_as_acme_demands)
{
    wire w;
    w.options.user_agent = "shop/1.0\r\nInjected: yes";
    w.serve(http_answer("{}"));
    https_request r("POST", w.server->origin() + "/acme/new-order?x=1");
    r.content_type = "application/jose+json";
    r.accept = "application/json";
    r.body = "{\"payload\":\"\"}";
    w.run(w.transport_now().async_exchange(r));
    const std::string& text = w.server->requests.at(0);
    const auto has = [&](const std::string& part) { return text.find(part) != std::string::npos; };
    BOOST_TEST(text.starts_with("POST /acme/new-order?x=1 HTTP/1.1\r\n"));
    BOOST_TEST(has("\r\nHost: 127.0.0.1:" + std::to_string(w.server->port()) + "\r\n"));
    BOOST_TEST(has("\r\nUser-Agent: shop/1.0Injected: yes asio-acme/"));
    BOOST_TEST(has(" Boost.Beast/"));
    BOOST_TEST(has("\r\nAccept-Encoding: identity\r\n"));
    BOOST_TEST(has("\r\nAccept-Language: en\r\n"));
    BOOST_TEST(has("\r\nContent-Type: application/jose+json\r\n"));
    BOOST_TEST(has("\r\nContent-Length: 14\r\n"));
    BOOST_TEST(has("\r\nAccept: application/json\r\n"));
    BOOST_TEST(!has("\r\nInjected"));
    BOOST_TEST(text.ends_with("\r\n\r\n{\"payload\":\"\"}"));
}

BOOST_AUTO_TEST_CASE(an_answer_arrives_whole)
{
    wire w;
    w.serve(
        http_answer("{\"a\":1}", "Replay-Nonce: abc\r\nLink: <a>;rel=\"x\"\r\nlink: <b>;rel=\"y\"\r\n", "201 Created"));
    const auto a = w.run(w.get());
    BOOST_TEST(a.status == 201u);
    BOOST_TEST(a.body == "{\"a\":1}");
    BOOST_TEST(a.find("replay-nonce").value() == "abc");
    BOOST_TEST(a.find_all("link").size() == 2u);
    BOOST_TEST(a.media_type() == "application/json");
    BOOST_TEST(!a.resent);
}

BOOST_AUTO_TEST_CASE(one_after_the_other_takes_one_connection)
{
    wire w;
    w.serve(http_answer("{}"));
    for (int i = 0; i < 10; ++i)
        BOOST_TEST(w.run(w.get()).status == 200u);
    BOOST_TEST(w.server->connections == 1u);
    BOOST_TEST(w.server->requests.size() == 10u);
}

BOOST_AUTO_TEST_CASE(many_at_once_take_no_more_connections_than_allowed)
{
    wire w;
    w.options.max_connections = 3;
    w.serve(http_answer("{}"));
    std::size_t done = 0;
    for (int i = 0; i < 30; ++i)
        asio::co_spawn(w.io, w.get(), [&](std::exception_ptr e, https_response) { done += e ? 0 : 1; });
    w.run_until([&] { return done == 30; });
    BOOST_TEST(w.server->connections == 3u);
}

BOOST_AUTO_TEST_CASE(waiting_for_a_connection_is_within_the_time_limit)
{
    wire w;
    w.options.max_connections = 1;
    w.options.exchange_timeout = 300ms;
    w.serve([&](tls_stream&, std::size_t) -> asio::awaitable<void> { co_await pause(1h); });
    std::size_t timed_out = 0;
    for (int i = 0; i < 5; ++i)
        asio::co_spawn(w.io, w.get(), [&](std::exception_ptr e, https_response) {
            try {
                std::rethrow_exception(e);
            } catch (const error& failure) {
                timed_out += failure.code() == errc::timed_out ? 1 : 0;
            }
        });
    w.run_until([&] { return timed_out == 5; });
    // They were not given the time one after the other.
    BOOST_TEST(w.server->connections < 5u);
}

BOOST_AUTO_TEST_CASE(a_connection_that_was_closed_while_idle_is_replaced_before_it_is_used)
{
    wire w;
    w.serve(once(w, http_answer("{}")));
    BOOST_TEST(w.run(w.get()).status == 200u);
    w.run_until([&] { return w.server->open == 0; });
    const auto a = w.run(w.get());
    BOOST_TEST(a.status == 200u);
    BOOST_TEST(!a.resent);
    BOOST_TEST(w.server->connections == 2u);
}

BOOST_AUTO_TEST_CASE(a_request_that_met_the_end_of_a_kept_connection_is_sent_again_once_and_says_so)
{
    wire w;
    // The first connection answers once, reads the second request, and ends.
    w.serve([&](tls_stream& s, std::size_t number) -> asio::awaitable<void> {
        co_await w.server->async_read_request(s);
        co_await write(s, http_answer("{}"));
        co_await w.server->async_read_request(s);
        if (number > 1)
            co_await write(s, http_answer("{}"));
    });
    w.run(w.get());
    const auto a = w.run(w.get("/second"));
    BOOST_TEST(a.resent);
    BOOST_TEST(w.server->connections == 2u);
    BOOST_TEST(w.server->requests.size() == 3u);
    BOOST_TEST(w.server->requests[1] == w.server->requests[2]);
}

BOOST_AUTO_TEST_CASE(a_new_connection_that_ends_without_an_answer_is_an_error_at_once)
{
    wire w;
    w.serve(once(w, ""));
    const auto e = w.failure_of(w.get());
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() != errc::timed_out);
    BOOST_TEST(e->step() == "connection to the CA");
    BOOST_TEST(e->explanation().find("127.0.0.1:" + std::to_string(w.server->port())) != std::string::npos);
    BOOST_TEST(w.server->connections == 1u);
}

BOOST_AUTO_TEST_CASE(an_answer_that_breaks_off_on_a_kept_connection_is_not_asked_for_again)
{
    wire w;
    w.serve([&](tls_stream& s, std::size_t) -> asio::awaitable<void> {
        co_await w.server->async_read_request(s);
        co_await write(s, http_answer("{}"));
        co_await w.server->async_read_request(s);
        co_await write(s, "HTTP/1.1 200 OK\r\nContent-Le");
    });
    w.run(w.get());
    BOOST_TEST(w.failure_of(w.get()).has_value());
    BOOST_TEST(w.server->requests.size() == 2u);
}

BOOST_AUTO_TEST_CASE(truncated_answers_are_errors)
{
    for (const std::string& answer : {std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"),
             std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"),
             std::string("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}"), std::string("HTTP/1.1 200"),
             std::string("HTTP/1.1 200 OK\r\n")}) {
        wire w;
        w.serve(once(w, answer));
        const auto e = w.failure_of(w.get());
        BOOST_TEST(e.has_value(), answer);
    }
}

BOOST_AUTO_TEST_CASE(a_complete_answer_counts_though_the_connection_ends_badly)
{
    wire w;
    w.serve(once(w, http_answer("{}")));
    BOOST_TEST(w.run(w.get()).body == "{}");
}

BOOST_AUTO_TEST_CASE(a_reset_is_an_error)
{
    wire w;
    w.serve([&](tls_stream& s, std::size_t) -> asio::awaitable<void> {
        co_await w.server->async_read_request(s);
        co_await write(s, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}");
        co_await pause(50ms);
        s.next_layer().set_option(asio::socket_base::linger(true, 0));
        s.next_layer().close();
    });
    const auto e = w.failure_of(w.get());
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == asio::error::connection_reset);
}

BOOST_AUTO_TEST_CASE(what_is_not_http_is_refused)
{
    for (const std::string& answer :
        {std::string("220 mail.example.com ESMTP\r\n\r\n"), std::string("HTTP/2.0 200 OK\r\n\r\n"),
            std::string("HTTP/1.1 2x0 OK\r\n\r\n"), std::string("HTTP/1.1 200 OK\r\nA b\r\n\r\n"),
            std::string("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
            std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"),
            std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"), std::string(100, '\0')}) {
        wire w;
        w.serve(once(w, answer));
        const auto e = w.failure_of(w.get());
        BOOST_REQUIRE_MESSAGE(e, answer);
        BOOST_TEST(e->code() == errc::unexpected_answer);
    }
}

BOOST_AUTO_TEST_CASE(a_body_over_the_limit_is_cut_off)
{
    wire w;
    const std::string head = "HTTP/1.1 200 OK\r\n";
    const std::string chunk = "2000\r\n" + std::string(0x2000, 'x') + "\r\n";
    for (const auto& [start, piece] : {std::pair(head + "Content-Length: 1000000000\r\n\r\n", std::string(8192, 'x')),
             std::pair(head + "Transfer-Encoding: chunked\r\n\r\n", chunk),
             std::pair(head + "\r\n", std::string(8192, 'x'))}) {
        w.serve(endless(w, start, piece));
        const auto e = w.failure_of(w.get());
        BOOST_REQUIRE(e);
        BOOST_TEST(e->code() == errc::answer_too_large);
    }
    w.serve(http_answer(std::string(64 * 1024, 'x')));
    BOOST_TEST(w.run(w.get()).body.size() == 64u * 1024);
    w.serve(http_answer(std::string(64 * 1024 + 1, 'x')));
    BOOST_TEST(w.failure_of(w.get()).value().code() == errc::answer_too_large);
}

BOOST_AUTO_TEST_CASE(endless_headers_are_cut_off)
{
    wire w;
    const std::string head = "HTTP/1.1 200 OK\r\n";
    for (const auto& [start, piece] :
        {std::pair(head, std::string("X-Field: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")),
            std::pair(head + "X: ", std::string("aaaaaaaa")),
            std::pair(std::string("HTTP/1.1 200 "), std::string("OKOKOKOK"))}) {
        w.serve(endless(w, start, piece));
        const auto e = w.failure_of(w.get());
        BOOST_REQUIRE(e);
        BOOST_TEST(e->code() == errc::answer_too_large);
    }
}

BOOST_AUTO_TEST_CASE(a_slow_or_silent_peer_runs_into_the_time_limit)
{
    for (const bool silent : {false, true}) {
        wire w;
        w.options.exchange_timeout = 400ms;
        w.serve([&](tls_stream& s, std::size_t) -> asio::awaitable<void> {
            co_await w.server->async_read_request(s);
            if (silent)
                co_await pause(30s);
            for (const char c : http_answer(std::string(500, 'x'))) {
                co_await write(s, std::string(1, c));
                co_await pause(50ms);
            }
        });
        const auto e = w.failure_of(w.get());
        BOOST_REQUIRE(e);
        BOOST_TEST(e->code() == errc::timed_out);
    }
}

BOOST_AUTO_TEST_CASE(a_handshake_that_stalls_runs_into_the_connect_limit)
{
    wire w;
    w.options.connect_timeout = 300ms;
    w.options.exchange_timeout = 1h;
    w.serve([&](tls_stream&, std::size_t) -> asio::awaitable<void> { co_await pause(1h); });
    w.server->plain = true;
    const auto e = w.failure_of(w.get());
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::timed_out);
}

BOOST_AUTO_TEST_CASE(compressed_answers_are_refused)
{
    for (const char* field :
        {"Content-Encoding: gzip\r\n", "Content-Encoding: br\r\n", "content-encoding: identity, gzip\r\n"}) {
        wire w;
        w.serve(http_answer("\x1f\x8b", field));
        const auto e = w.failure_of(w.get());
        BOOST_REQUIRE(e);
        BOOST_TEST(e->code() == errc::unexpected_answer);
    }
    wire w;
    w.serve(http_answer("{}", "Content-Encoding: identity\r\n"));
    BOOST_TEST(w.run(w.get()).status == 200u);
}

BOOST_AUTO_TEST_CASE(redirects_and_errors_are_answers)
{
    for (const char* status : {"301 Moved", "307 Temporary", "404 Not Found", "503 Busy"}) {
        wire w;
        w.serve(http_answer("<html>", "Location: http://elsewhere.test/\r\n", status));
        const auto a = w.run(w.get());
        BOOST_TEST(std::to_string(a.status) == std::string(status).substr(0, 3));
        BOOST_TEST(a.find("location").has_value());
        BOOST_TEST(w.server->connections == 1u);
    }
}

BOOST_AUTO_TEST_CASE(informational_answers_are_passed_over_but_not_for_ever)
{
    const std::string early = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    wire w;
    w.serve(early + http_answer("{}"));
    BOOST_TEST(w.run(w.get()).body == "{}");
    BOOST_TEST(w.run(w.get()).body == "{}");
    BOOST_TEST(w.server->connections == 1u);
    for (const auto& [start, piece] : {std::pair(std::string(), std::string("HTTP/1.1 100 Continue\r\n\r\n")),
             std::pair(std::string("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), std::string("zzzz"))}) {
        w.serve(endless(w, start, piece));
        const auto e = w.failure_of(w.get());
        BOOST_REQUIRE(e);
        BOOST_TEST(e->code() == errc::unexpected_answer);
    }
}

BOOST_AUTO_TEST_CASE(head_has_no_body_and_keeps_the_connection)
{
    wire w;
    w.serve("HTTP/1.1 200 OK\r\nReplay-Nonce: n\r\nContent-Length: 500\r\n\r\n");
    for (int i = 0; i < 3; ++i) {
        https_request r("HEAD", w.server->origin() + "/new-nonce");
        BOOST_TEST(w.run(w.transport_now().async_exchange(r)).find("replay-nonce").value() == "n");
    }
    BOOST_TEST(w.server->connections == 1u);
}

BOOST_AUTO_TEST_CASE(answers_that_do_not_keep_the_connection_are_respected)
{
    for (const std::string& answer :
        {http_answer("{}", "Connection: close\r\n"), std::string("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
            http_answer("{}") + "garbage", http_answer("{}") + http_answer("{}")}) {
        wire w;
        w.serve(answer);
        BOOST_TEST(w.run(w.get()).body == "{}");
        BOOST_TEST(w.run(w.get()).body == "{}");
        BOOST_TEST(w.server->connections == 2u);
    }
}

BOOST_AUTO_TEST_CASE(octets_that_come_while_idle_end_the_connection)
{
    bool idle = false;
    bool arrived = false;
    wire w;
    w.serve([&](tls_stream& s, std::size_t) -> asio::awaitable<void> {
        co_await w.server->async_read_request(s);
        co_await write(s, http_answer("{}"));
        while (!idle)
            co_await pause(1ms);
        co_await write(s, http_answer("{\"forged\":true}"));
        // Until the client's system has acknowledged them.
        for (int left = 1; left != 0; ::ioctl(s.next_layer().native_handle(), TIOCOUTQ, &left))
            co_await pause(1ms);
        arrived = true;
        co_await pause(1h);
    });
    BOOST_TEST(w.run(w.get()).body == "{}");
    idle = true;
    w.run_until([&] { return arrived; });
    BOOST_TEST(w.run(w.get()).body == "{}");
    BOOST_TEST(w.server->connections == 2u);
}

BOOST_AUTO_TEST_CASE(an_idle_connection_is_closed_in_time)
{
    wire w;
    w.options.idle_timeout = 150ms;
    w.serve(http_answer("{}"));
    w.run(w.get());
    BOOST_TEST(w.server->open == 1u);
    w.run_until([&] { return w.server->open == 0; });
    w.run(w.get());
    BOOST_TEST(w.server->connections == 2u);
}

BOOST_AUTO_TEST_CASE(destroying_the_transport_closes_its_connections)
{
    wire w;
    w.serve(http_answer("{}"));
    w.run(w.get());
    w.client.reset();
    w.run_until([&] { return w.server->open == 0; });
}

BOOST_AUTO_TEST_SUITE_END()
