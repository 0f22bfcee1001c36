#include "server/running.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <fcntl.h>
#include <future>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

namespace acme::test {
namespace {

BOOST_AUTO_TEST_SUITE(serve)

BOOST_AUTO_TEST_CASE(a_page_is_served_with_a_certificate_of_the_first_handshake)
{
    bench b;
    running s(b);
    auto got = s.ask(request("/", close_after));
    BOOST_TEST(got.starts_with("HTTP/1.1 200 OK\r\n"));
    BOOST_TEST(got.ends_with("\r\n\r\nhello /"));
    BOOST_TEST(b.ca->orders == 1U);
    BOOST_TEST(s.errors.empty());
}

BOOST_AUTO_TEST_CASE(time_limits_may_be_none)
{
    bench b;
    auto options = quick();
    for (auto* limit : {&options.handshake_timeout, &options.header_timeout, &options.body_timeout,
             &options.write_timeout, &options.idle_timeout, &options.shutdown_grace})
        *limit = serve_options::duration::max();
    running s(b, options);
    BOOST_TEST(has(s.ask(request("/", close_after)), "hello /"));
    BOOST_TEST(s.errors.empty());
}

BOOST_AUTO_TEST_CASE(a_connection_takes_several_requests_and_pipelines_them_in_order)
{
    bench b;
    running s(b);
    auto got = s.ask(request("/slow") + request("/1") + request("/missing") + request("/3", close_after));
    BOOST_TEST(count(got, "HTTP/1.1 ") == 4U);
    auto slow = got.find("hello /slow");
    auto first = got.find("hello /1");
    auto third = got.find("hello /3");
    BOOST_TEST((slow < first && first < third && third != got.npos));
    BOOST_TEST(count(got, "404 Not Found") == 1U);
}

BOOST_AUTO_TEST_CASE(head_has_no_body)
{
    bench b;
    running s(b);
    auto got = s.ask(request("/", "", "HEAD") + request("/x", close_after, "HEAD"));
    BOOST_TEST(count(got, "Content-Length: 7\r\n") == 1U);
    BOOST_TEST(!has(got, "hello"));
}

BOOST_AUTO_TEST_CASE(bodies_reach_the_application_in_both_codings)
{
    bench b;
    running s(b);
    auto got = s.ask(request("/", "Content-Length: 4\r\n", "POST") + "body" +
        request("/", "Transfer-Encoding: chunked\r\n" + close_after, "PUT") + "3\r\nchu\r\n4\r\nnked\r\n0\r\n\r\n");
    BOOST_TEST(has(got, "\r\n\r\nbody"));
    BOOST_TEST(got.ends_with("\r\n\r\nchunked"));
}

BOOST_AUTO_TEST_CASE(an_application_may_be_a_plain_function)
{
    bench b;
    auto plain = [](const http_request& r) {
        http_response response(http::status::accepted, 11);
        response.body() = r.method_string();
        return response;
    };
    running s(b, quick(), plain);
    auto got = s.ask(request("/", close_after, "BREW"));
    BOOST_TEST(got.starts_with("HTTP/1.1 202 "));
    BOOST_TEST(got.ends_with("BREW"));
}

BOOST_AUTO_TEST_CASE(an_exception_of_the_application_is_a_500_and_is_reported)
{
    bench b;
    running s(b);
    auto got = s.ask(request("/throw") + request("/interim") + request("/", close_after));
    BOOST_TEST(count(got, "500 Internal Server Error") == 2U);
    BOOST_TEST(!has(got, "ill"));
    BOOST_TEST(got.ends_with("hello /"));
    BOOST_TEST_REQUIRE(s.errors.size() == 2U);
    BOOST_TEST(s.errors[0].what == "the application is ill");
}

BOOST_AUTO_TEST_CASE(http_1_0_is_answered_and_closed)
{
    bench b;
    running s(b);
    auto got = s.ask("GET / HTTP/1.0\r\n\r\n");
    BOOST_TEST(got.starts_with("HTTP/1.0 200 OK\r\n"));
    BOOST_TEST(got.ends_with("hello /"));
}

BOOST_AUTO_TEST_CASE(a_client_that_expects_to_be_asked_on_is_asked_on)
{
    bench b;
    auto options = quick();
    options.body_timeout = 200ms;
    running s(b, options);
    auto got = s.ask(request("/", "Content-Length: 4\r\nExpect: 100-continue\r\n" + close_after, "POST"));
    BOOST_TEST(got.starts_with("HTTP/1.1 100 Continue\r\n\r\n"));
}

BOOST_AUTO_TEST_CASE(what_is_not_http_is_refused)
{
    bench b;
    running s(b);
    for (std::string octets : {"nonsense\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: a.example\r\nbad field\r\n\r\n",
             "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
             "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: -1\r\n\r\n",
             "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc"}) {
        auto got = s.ask(octets);
        BOOST_TEST(got.starts_with("HTTP/1.1 400 Bad Request\r\n"), octets + " got: " + got);
        BOOST_TEST(has(got, "Connection: close\r\n"));
        BOOST_TEST(!has(got, "hello"));
    }
}

BOOST_AUTO_TEST_CASE(what_is_too_large_is_refused)
{
    bench b;
    auto options = quick();
    options.body_limit = 1000;
    running s(b, options);
    auto long_field = "X: " + std::string(9000, 'x') + "\r\n";
    BOOST_TEST(s.ask(request("/", long_field)).starts_with("HTTP/1.1 431 "));
    BOOST_TEST(s.ask(request("/" + std::string(9000, 'x'))).starts_with("HTTP/1.1 431 "));
    BOOST_TEST(s.ask(request("/", "Content-Length: 1001\r\n", "POST")).starts_with("HTTP/1.1 413 "));
    auto chunks = "3e9\r\n" + std::string(1001, 'x') + "\r\n0\r\n\r\n";
    BOOST_TEST(s.ask(request("/", "Transfer-Encoding: chunked\r\n", "POST") + chunks).starts_with("HTTP/1.1 413 "));
    auto just = request("/", "Content-Length: 1000\r\n" + close_after, "POST") + std::string(1000, 'x');
    BOOST_TEST(s.ask(just).starts_with("HTTP/1.1 200 "));
    // The answer arrives though the client is still sending.
    auto flood = request("/", "Content-Length: 900000\r\n", "POST") + std::string(900'000, 'x');
    BOOST_TEST(s.ask(flood).starts_with("HTTP/1.1 413 "));
}

BOOST_AUTO_TEST_CASE(slow_clients_are_given_up)
{
    using limit = serve_options::duration serve_options::*;
    const auto part_of_body = request("/", "Content-Length: 10\r\n", "POST") + "123";
    const std::pair<limit, std::string> rows[] = {{&serve_options::handshake_timeout, ""},
        {&serve_options::header_timeout, "GET / HTT"}, {&serve_options::body_timeout, part_of_body},
        {&serve_options::idle_timeout, request("/")}};
    bench b;
    b.run(b.certificates().async_get_certificate(std::string("serve.example")));
    for (const auto& [short_one, octets] : rows) {
        auto options = quick();
        options.handshake_timeout = options.header_timeout = options.body_timeout = options.idle_timeout = 1h;
        options.*short_one = 300ms;
        running s(b, options);
        const auto started = std::chrono::steady_clock::now();
        b.run(octets.empty() ? talk_tcp(s.port(), "") : talk_tls(s.port(), octets, "serve.example"));
        BOOST_TEST((std::chrono::steady_clock::now() - started >= 300ms), octets);
    }
}

asio::awaitable<void> drip(std::uint16_t port, bool& closed)
{
    tcp::socket socket(co_await asio::this_coro::executor);
    tcp::endpoint where(asio::ip::address_v4::loopback(), port);
    co_await socket.async_connect(where, asio::use_awaitable);
    boost::system::error_code ec;
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    for (char c : request("/" + std::string(300, 'x'))) {
        co_await asio::async_write(socket, asio::buffer(&c, 1), token);
        if (ec)
            break;
        co_await pause(20ms);
    }
    closed = bool(ec);
}

BOOST_AUTO_TEST_CASE(a_header_that_drips_in_has_one_time_limit_for_all)
{
    bench b;
    auto options = quick();
    options.header_timeout = 300ms;
    running s(b, options);
    bool closed = false;
    b.run(drip(s.http_port(), closed));
    BOOST_TEST(closed);
}

BOOST_AUTO_TEST_CASE(http_is_redirected_to_the_https_port)
{
    bench b;
    running s(b);
    auto got = s.ask_http(request("/a?b"));
    BOOST_TEST(got.starts_with("HTTP/1.1 301 "));
    BOOST_TEST(has(got, "Location: https://serve.example:" + std::to_string(s.port()) + "/a?b\r\n"));
    BOOST_TEST(has(got, "Connection: close\r\n"));
    got = s.ask_http(request("/", "Content-Length: 100000000\r\n", "POST"));
    BOOST_TEST(got.starts_with("HTTP/1.1 308 "));
    got = s.ask_http("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    BOOST_TEST((got.empty() || got.starts_with("HTTP/1.1 400 ")));
    got = s.ask_http("GET / HTTP/1.1\r\n\r\n");
    BOOST_TEST(got.starts_with("HTTP/1.1 400 "));
}

BOOST_AUTO_TEST_CASE(redirects_name_the_port_that_clients_see)
{
    bench b;
    auto options = quick();
    options.redirect_port = 443;
    running s(b, options);
    BOOST_TEST(has(s.ask_http(request("/")), "Location: https://serve.example/\r\n"));
}

BOOST_AUTO_TEST_CASE(failed_handshakes_are_reported_and_validations_are_not)
{
    bench b;
    running s(b);
    b.certificates().set_hosts({});
    client_offer offer("denied.example");
    b.run(connect_tls(s.port(), offer));
    b.wait_for([&] { return !s.errors.empty(); });
    BOOST_TEST_REQUIRE(s.errors.size() == 1U);
    BOOST_TEST((s.errors[0].code == make_error_code(errc::host_not_allowed)));
    BOOST_TEST(s.errors[0].host == "denied.example");
}

BOOST_AUTO_TEST_CASE(the_end_of_the_manager_ends_the_server_after_the_requests_under_way)
{
    bench b;
    auto options = quick();
    options.shutdown_grace = 1h;
    running s(b, options);
    BOOST_TEST(has(s.ask(request("/", close_after)), "hello /"));
    auto slow = begin(b, talk_tls(s.port(), request("/slow"), "serve.example"));
    auto idle = begin(b, talk_tls(s.port(), request("/"), "serve.example"));
    b.wait_for([&] { return s.asked("/slow") == 1 && s.asked("/") == 2; });
    b.run(b.certificates().async_shutdown());
    s.wait();
    BOOST_TEST(!s.end->code);
    b.wait_for([&] { return slow->done() && idle->done(); });
    BOOST_TEST_REQUIRE((slow->value && idle->value));
    BOOST_TEST(slow->value->ends_with("hello /slow"));
    BOOST_TEST(has(*slow->value, "Connection: close\r\n"));
    BOOST_TEST(idle->value->ends_with("hello /"));
}

BOOST_AUTO_TEST_CASE(cancellation_ends_the_server_and_what_takes_too_long)
{
    bench b;
    auto options = quick();
    options.shutdown_grace = 300ms;
    running s(b, options);
    auto got = begin(b, talk_tls(s.port(), request("/forever"), "serve.example"));
    b.wait_for([&] { return s.asked("/forever") == 1; });
    auto started = std::chrono::steady_clock::now();
    asio::post(b.io, [&] { s.stop.emit(asio::cancellation_type::terminal); });
    s.wait();
    BOOST_TEST((std::chrono::steady_clock::now() - started >= 300ms));
    BOOST_TEST((s.end->code == asio::error::operation_aborted));
    b.wait_for([&] { return got->done(); });
    BOOST_TEST((got->value && got->value->empty()));
}

BOOST_AUTO_TEST_CASE(a_waiting_handshake_does_not_hold_the_end_up)
{
    bench b;
    auto options = quick();
    options.shutdown_grace = 1h;
    running s(b, options);
    b.ca->open = false;
    auto client = begin(b, connect_tls(s.port(), client_offer("waits.example")));
    b.wait_for([&] { return b.ca->waiting > 0; });
    asio::post(b.io, [&] { s.stop.emit(asio::cancellation_type::terminal); });
    s.wait();
    b.wait_for([&] { return client->done(); });
}

BOOST_AUTO_TEST_CASE(a_port_that_is_taken_is_named)
{
    bench b;
    tcp::acceptor other(b.io, any_port());
    auto options = quick();
    options.https = {other.local_endpoint()};
    running s(b, options);
    s.wait();
    BOOST_TEST((s.end->code == asio::error::address_in_use));
    std::string address = "127.0.0.1:" + std::to_string(other.local_endpoint().port());
    BOOST_TEST(has(s.end->what, address), s.end->what);
}

BOOST_AUTO_TEST_CASE(an_ipv6_address_takes_ipv4_too)
{
    bench b;
    auto options = quick();
    options.https = {tcp::endpoint(asio::ip::address_v6::any(), 0)};
    running s(b, options);
    BOOST_TEST(has(s.ask(request("/", close_after)), "hello /"));
}

BOOST_AUTO_TEST_CASE(more_connections_than_allowed_wait_for_their_turn)
{
    bench b;
    auto options = quick();
    options.max_connections = 2;
    options.max_connections_per_client = 2;
    options.handshake_timeout = 1h;
    running s(b, options);
    tcp::socket first(b.io), another(b.io);
    for (auto* each : {&first, &another})
        b.run(connect_tcp(*each, s.port()));
    auto third = begin(b, talk_tls(s.port(), request("/", close_after), "serve.example"));
    b.run(pause(200ms));
    BOOST_TEST(s.asked("/") == 0);
    BOOST_TEST(b.ca->orders == 0U);
    first.close();
    b.wait_for([&] { return third->done(); });
    BOOST_TEST((third->value && has(*third->value, "hello /")));
}

// All descriptors of the process, for a while.
class descriptor_hog
{
public:
    descriptor_hog()
    {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit low = before_;
        low.rlim_cur = 256;
        ::setrlimit(RLIMIT_NOFILE, &low);
        for (int fd = ::open("/dev/null", O_RDONLY); fd >= 0; fd = ::open("/dev/null", O_RDONLY))
            taken_.push_back(fd);
    }
    ~descriptor_hog()
    {
        release();
        ::setrlimit(RLIMIT_NOFILE, &before_);
    }
    descriptor_hog(const descriptor_hog&) = delete;
    descriptor_hog& operator=(const descriptor_hog&) = delete;

    void release()
    {
        for (int fd : taken_)
            ::close(fd);
        taken_.clear();
    }

private:
    rlimit before_{};
    std::vector<int> taken_;
};

BOOST_AUTO_TEST_CASE(a_server_without_descriptors_goes_on_when_there_are_some_again)
{
    bench b;
    running s(b);
    tcp::socket socket(b.io, tcp::v4());
    {
        descriptor_hog hog;
        socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), s.http_port()));
        b.run(pause(200ms));
        BOOST_TEST_REQUIRE(!s.errors.empty());
        BOOST_TEST((s.errors[0].code == asio::error::no_descriptors), s.errors[0].what);
        // Waited out, not spun on.
        BOOST_TEST(s.errors.size() < 20U);
    }
    b.run(pause(1100ms));
    BOOST_TEST(s.ask_http(request("/")).starts_with("HTTP/1.1 301 "));
}

BOOST_AUTO_TEST_CASE(many_clients_are_served_by_several_threads)
{
    asio::io_context io(4);
    auto ca = std::make_shared<gated_ca>();
    config options;
    options.transport = ca;
    options.directory_url = ca->ca.directory_url();
    options.self_check.enabled = false;
    manager certificates(io.get_executor(), options);
    std::promise<std::uint16_t> listens;
    auto serving = quick();
    serving.on_listening = [&](const listening& l) { listens.set_value(l.https[0].port()); };
    auto served = asio::co_spawn(io, async_serve(certificates, application, serving), asio::use_future);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] { io.run(); });
    auto port = listens.get_future().get();
    std::vector<std::future<std::string>> answers;
    asio::io_context clients;
    for (int i = 0; i < 50; ++i) {
        auto name = "host" + std::to_string(i % 5) + ".example";
        answers.push_back(
            asio::co_spawn(clients, talk_tls(port, request("/slow", close_after), name), asio::use_future));
    }
    clients.run_for(60s);
    for (auto& each : answers)
        BOOST_TEST(has(each.get(), "hello /slow"));
    asio::co_spawn(io, certificates.async_shutdown(), asio::use_future).get();
    served.get();
    for (auto& each : threads)
        each.join();
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
