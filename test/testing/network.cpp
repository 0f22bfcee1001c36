#include "crypto/challenge_certificate.hpp"
#include "testing/rig.hpp"
#include "testing/validation.hpp"

#include <acme/manager.hpp>
#include <acme/serve.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/unit_test.hpp>

#include <openssl/ssl.h>

#include <future>
#include <thread>

namespace acme::test {
namespace {

using asio::ip::tcp;

tcp::endpoint loopback(std::uint16_t port = 0)
{
    return {asio::ip::address_v4::loopback(), port};
}

/// A CA at its door on the network, and a manager whose server it validates; by the real clock.
struct site
{
    asio::io_context io;
    testing::ca ca;
    std::unique_ptr<manager> certificates;
    std::vector<std::string> told;
    listening where;

    explicit site(ca_options o = ca_options())
        : ca(std::move(o))
    {
        ca.listen(io.get_executor());
        config c;
        c.directory_url = ca.directory_url();
        c.https.trust_anchors = ca.root_pem();
        c.limits = limits::off();
        c.self_check.enabled = false;
        c.on_event = [this](const event& e) { told.push_back(describe(e)); };
        certificates = std::make_unique<manager>(io.get_executor(), c);
    }

    void serve()
    {
        serve_options o;
        o.https = {loopback()};
        o.on_listening = [this](const listening& l) {
            where = l;
            ca.change([&](testing::ca_state& s) { s.options.tls_alpn_01 = l.https.front(); });
        };
        const auto hello = [](const http_request&) {
            http_response answer;
            answer.body() = "hello";
            return answer;
        };
        asio::co_spawn(io, async_serve_https(*certificates, hello, o), [](std::exception_ptr) {});
        run_until([&] { return !where.https.empty(); });
    }

    template <class Condition>
    void run_until(Condition condition)
    {
        const auto end = std::chrono::steady_clock::now() + 30s;
        io.restart();
        while (!condition() && std::chrono::steady_clock::now() < end)
            io.run_one_for(1s);
        BOOST_REQUIRE(condition());
    }

    certificate_ptr get(const std::string& host)
    {
        certificate_ptr got;
        bool done = false;
        asio::co_spawn(io, certificates->async_get_certificate(host), [&](std::exception_ptr e, certificate_ptr c) {
            failure = e;
            got = std::move(c);
            done = true;
        });
        run_until([&] { return done; });
        return got;
    }
    error refusal(const std::string& host)
    {
        BOOST_REQUIRE(!get(host));
        try {
            std::rethrow_exception(failure);
        } catch (const error& e) {
            return e;
        }
    }

    std::exception_ptr failure;
};

/// Shakes hands as a browser that trusts the CA's root.
std::string shake_hands(tcp::endpoint where, std::string root, std::string host)
{
    asio::io_context io;
    asio::ssl::context context(asio::ssl::context::tls_client);
    context.add_certificate_authority(asio::buffer(root));
    context.set_verify_mode(asio::ssl::verify_peer);
    asio::ssl::stream<tcp::socket> stream(io, context);
    SSL_set_tlsext_host_name(stream.native_handle(), host.c_str());
    SSL_set1_host(stream.native_handle(), host.c_str());
    boost::system::error_code ec;
    stream.next_layer().connect(where, ec);
    if (!ec)
        stream.handshake(asio::ssl::stream_base::client, ec);
    return ec ? ec.message() : "well";
}

BOOST_AUTO_TEST_SUITE(network)

BOOST_AUTO_TEST_CASE(a_servers_first_handshake_gets_a_certificate_validated_over_loopback)
{
    site s;
    s.serve();
    auto outcome =
        std::async(std::launch::async, &shake_hands, s.where.https.front(), s.ca.root_pem(), "www.example.com");
    s.run_until([&] { return outcome.wait_for(0s) == std::future_status::ready; });
    BOOST_TEST(outcome.get() == "well");
    BOOST_TEST(s.ca.state().validations == 1u);
    BOOST_TEST(s.ca.state().certificates.size() == 1u);
    BOOST_TEST(s.ca.count(step::finalize, 200) == 1u);
}

BOOST_AUTO_TEST_CASE(nobody_there_fails_the_validation)
{
    ca_options o;
    o.tls_alpn_01 = loopback(1);
    site s(std::move(o));
    const error e = s.refusal("www.example.com");
    BOOST_TEST((e.code() == errc::authorization_invalid));
    BOOST_TEST((e.problem()->code() == errc::connection), e.what());
}

BOOST_AUTO_TEST_CASE(a_server_without_the_challenge_fails_the_validation)
{
    site s;
    s.serve();
    site other;
    other.ca.change([&](testing::ca_state& c) { c.options.tls_alpn_01 = s.where.https.front(); });
    asio::co_spawn(other.io, other.certificates->async_get_certificate("www.example.com"),
        [&](std::exception_ptr e, certificate_ptr) {
            other.failure = e;
            other.io.stop();
        });
    std::thread apart([&] { other.io.run_for(20s); });
    s.run_until([&] { return other.io.stopped(); });
    apart.join();
    BOOST_TEST(bool(other.failure));
    BOOST_TEST(other.ca.state().certificates.empty());
}

BOOST_AUTO_TEST_CASE(faults_of_the_network_are_real_ones_here)
{
    // With the orders that the CA has afterwards.
    const std::vector<std::pair<fault, std::size_t>> rows{{fault::reset_before(), 0}, {fault::reset_after(), 1},
        {fault::truncated(), 1}, {fault::oversized(), 1}, {fault::garbage(), 1}, {fault::http_error(), 0},
        {fault::rate_limited(5s), 0}};
    for (const auto& [what, orders] : rows) {
        site s;
        s.ca.inject(at(step::new_order).always(), what);
        const error e = s.refusal("www.example.com");
        BOOST_TEST(s.ca.requests().back().fault == what.name());
        BOOST_TEST((s.ca.state().orders.size() > 0) == (orders > 0), what.name() << ": " << e.what());
    }
}

BOOST_AUTO_TEST_CASE(the_last_connection_closes_with_the_ca)
{
    asio::io_context io;
    auto ca = std::make_unique<testing::ca>();
    ca->listen(io.get_executor());
    tcp::socket idle(io);
    const std::string url = ca->directory_url();
    const auto port = static_cast<std::uint16_t>(std::stoul(url.substr(url.rfind(':') + 1)));
    idle.connect(loopback(port));
    io.run_for(50ms);
    ca.reset();
    io.restart();
    io.run_for(10s);
    BOOST_TEST(io.stopped());
}

BOOST_AUTO_TEST_CASE(what_speaks_no_tls_or_no_http_is_survived)
{
    site s;
    const std::string url = s.ca.directory_url();
    const auto port = static_cast<std::uint16_t>(std::stoul(url.substr(url.rfind(':') + 1)));
    for (const std::string& octets : {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(1000, '\0'), std::string()}) {
        tcp::socket socket(s.io);
        socket.connect(loopback(port));
        asio::write(socket, asio::buffer(octets));
        s.io.restart();
        s.io.run_for(20ms);
    }
    BOOST_TEST(s.get("www.example.com"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(http_01)

// Answers one connection with these octets.
asio::awaitable<void> answer_once(tcp::acceptor& acceptor, std::string body, std::string& asked)
{
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    auto buffer = asio::dynamic_buffer(asked);
    co_await asio::async_read_until(socket, buffer, "\r\n\r\n", asio::use_awaitable);
    const std::string text = "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    co_await asio::async_write(socket, asio::buffer(text), asio::use_awaitable);
}

std::optional<testing::validation_failure> validate(std::string body, std::string* asked = nullptr)
{
    asio::io_context io;
    tcp::acceptor acceptor(io, loopback());
    testing::validation_task task;
    task.where = acceptor.local_endpoint();
    task.timeout = 30s;
    task.validation.identifier = identifier("dns", "www.example.com");
    task.validation.type = "http-01";
    task.validation.token = "token";
    task.validation.key_authorization = "token.print";
    std::string request;
    std::optional<testing::validation_failure> result;
    asio::co_spawn(io, answer_once(acceptor, std::move(body), request), [](std::exception_ptr) {});
    asio::co_spawn(io, testing::async_validate(task),
        [&](std::exception_ptr, std::optional<testing::validation_failure> f) { result = std::move(f); });
    io.run();
    if (asked != nullptr)
        *asked = request;
    return result;
}

BOOST_AUTO_TEST_CASE(the_key_authorization_is_fetched)
{
    std::string asked;
    BOOST_TEST(!validate("token.print", &asked));
    BOOST_TEST(asked.starts_with("GET /.well-known/acme-challenge/token HTTP/1.1\r\n"));
    BOOST_TEST(asked.find("Host: www.example.com\r\n") != std::string::npos);
    BOOST_TEST(!validate("token.print \r\n"));
    BOOST_TEST((validate("token.other").value().type == "unauthorized"));
    BOOST_TEST((validate(std::string(100'000, 'x')).value().type == "connection"));
}

BOOST_AUTO_TEST_CASE(silence_ends_in_time)
{
    asio::io_context io;
    tcp::acceptor acceptor(io, loopback());
    for (const char* type : {"http-01", "tls-alpn-01"}) {
        testing::validation_task task;
        task.where = acceptor.local_endpoint();
        task.timeout = 50ms;
        task.validation.type = type;
        std::optional<testing::validation_failure> result;
        asio::co_spawn(io, testing::async_validate(task),
            [&](std::exception_ptr, std::optional<testing::validation_failure> f) { result = std::move(f); });
        io.restart();
        io.run_for(10s);
        BOOST_TEST((result.value().type == "connection"));
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(tls_alpn_01)

BOOST_AUTO_TEST_CASE(the_certificate_is_for_the_name_and_challenge_alone)
{
    const auto now = std::chrono::system_clock::now();
    testing::validation v;
    v.identifier = identifier("dns", "www.example.com");
    v.key_authorization = "token.print";
    const auto check = [&](std::string name, std::string authorization) {
        const auto c = make_challenge_certificate(name, authorization, now);
        return testing::check_tls_alpn_certificate(v, std::string(c->leaf_der()));
    };
    BOOST_TEST(!check("www.example.com", "token.print"));
    BOOST_TEST(check("other.example.com", "token.print").has_value());
    BOOST_TEST(check("www.example.com", "token.other").has_value());
    BOOST_TEST(check("1.2.3.4", "token.print").has_value());
    v.identifier = identifier("ip", "2001:db8::1");
    BOOST_TEST(!check("2001:db8::1", "token.print"));
    BOOST_TEST(testing::check_tls_alpn_certificate(v, "").has_value());
    BOOST_TEST(testing::check_tls_alpn_certificate(v, "0\x03\x02\x01\x01").has_value());
}

BOOST_AUTO_TEST_CASE(an_ordinary_certificate_answers_no_challenge)
{
    rig r;
    client c(r.options());
    r.run(c.async_new_account(account_request()));
    r.obtain(c);
    testing::validation v;
    v.identifier = identifier("dns", "www.example.com");
    v.key_authorization = "token.print";
    BOOST_TEST(testing::check_tls_alpn_certificate(v, r.ca.state().certificates.begin()->second.leaf_der).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
