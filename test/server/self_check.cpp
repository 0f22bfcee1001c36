#include "crypto/challenge_certificate.hpp"
#include "kit/name_service.hpp"
#include "kit/process.hpp"
#include "manager/state.hpp"
#include "server/running.hpp"

#include <acme/store.hpp>
#include <acme/tls.hpp>

/// Strangers whose names don't lead here, and others who ask for a name that does.
namespace acme::test {
namespace {

// "x.tar" leads to where connections are taken and nothing is answered.
asio::awaitable<std::vector<asio::ip::address>> lead(std::string host)
{
    std::vector<asio::ip::address> found;
    found.push_back(asio::ip::make_address(host.ends_with(".tar") ? "127.0.0.9" : "127.0.0.1"));
    co_return found;
}

struct checking
{
    explicit checking(const std::function<void(config&)>& change = [](config&) {})
        : b(options(change))
    {
        serve_options o = quick();
        o.https = {tcp::endpoint(asio::ip::address_v4::loopback(), port.number())};
        server.emplace(b, o);
    }

    config options(const std::function<void(config&)>& change) const
    {
        config c;
        c.self_check.resolver = &lead;
        c.self_check.private_addresses = true;
        c.self_check.tls_port = port.number();
        change(c);
        return c;
    }

    std::shared_ptr<outcome<std::string>> ask(std::string host, std::string from)
    {
        return begin(b, talk_tls(port.number(), request("/", close_after), std::move(host), std::move(from)));
    }
    // Resets the connection once the manager has been asked.
    void ask_and_leave(const std::string& host, const std::string& from)
    {
        tcp::socket client(b.io);
        b.run(connect_tcp(client, port.number(), from));
        asio::ssl::context tls(asio::ssl::context::tls_client);
        asio::ssl::stream<tcp::socket> stream(std::move(client), tls);
        SSL_set_tlsext_host_name(stream.native_handle(), host.c_str());
        stream.async_handshake(asio::ssl::stream_base::client, [](boost::system::error_code) {});
        b.run(pause(2ms));
        stream.next_layer().set_option(asio::socket_base::linger(true, 0));
        stream.next_layer().close();
        b.run(pause(1ms));
    }
    bool is_served(const std::shared_ptr<outcome<std::string>>& o)
    {
        b.wait_for([&] { return o->done(); });
        return o->value && has(*o->value, "hello /");
    }
    std::vector<error> refusals() const
    {
        std::vector<error> all;
        for (const auto& e : b.events)
            if (const auto* refused = std::get_if<host_refused>(&e))
                all.push_back(refused->error);
        return all;
    }

    reserved_port port;
    // Of another manager's server.
    reserved_port second_port;
    reserved_port second_http_port;
    bench b;
    std::optional<running> server;
};

BOOST_AUTO_TEST_SUITE(self_check)

// By the system.
std::function<void(config&)> look_up_within(std::chrono::seconds timeout)
{
    return [timeout](config& o) {
        o.self_check.resolver = nullptr;
        o.self_check.enabled = true;
        o.self_check.timeout = timeout;
    };
}

BOOST_AUTO_TEST_CASE(names_that_are_looked_up_for_long_delay_nobody)
{
    name_service names;
    checking c(look_up_within(1h));
    for (int n = 0; n < 20; ++n)
        c.ask("n" + std::to_string(n) + ".slow", "127.0.0.2");
    c.b.wait_for([&] { return names.stuck() == 4U; });
    BOOST_TEST(c.b.run(c.b.certificates().async_get_certificate("own.example")) != nullptr);
    BOOST_TEST(c.is_served(c.ask("good.quick", "127.0.0.3")));
    BOOST_TEST(names.stuck() == 4U);
}

BOOST_AUTO_TEST_CASE(names_that_are_looked_up_for_long_are_refused)
{
    name_service names;
    checking c(look_up_within(1s));
    for (int n = 0; n < 20; ++n)
        c.ask("n" + std::to_string(n) + ".slow", "127.0.0.2");
    // They are refused, each at the end of its time, and may be tried again at once.
    c.b.wait_for([&] { return c.refusals().size() >= 12; });
    for (const auto& e : c.refusals())
        BOOST_TEST((e.code() == errc::self_check_failed), e.what());
    c.ask("n0.slow", "127.0.0.2");
    c.b.wait_for([&] { return c.refusals().size() >= 21; });
    for (const auto& e : c.refusals())
        BOOST_TEST((e.code() == errc::self_check_failed), e.what());
    // As long as the system does not let go of them, there are no more than that.
    BOOST_TEST(names.begun() == 8U);
    c.b.wait_for([&] { return c.is_served(c.ask("better.quick", "127.0.0.3")); });
}

BOOST_AUTO_TEST_CASE(names_that_lead_to_a_tarpit_delay_nobody)
{
    checking c;
    tcp::acceptor tarpit(c.b.io, tcp::endpoint(asio::ip::make_address("127.0.0.9"), c.port.number()));
    for (int n = 0; n < 60; ++n)
        c.ask_and_leave("n" + std::to_string(n) + ".tar", "127.0.0." + std::to_string(10 + n / 20));
    const auto before = std::chrono::steady_clock::now();
    BOOST_TEST(c.is_served(c.ask("good.example", "127.0.0.3")));
    BOOST_TEST((std::chrono::steady_clock::now() - before < 5s));
}

BOOST_AUTO_TEST_CASE(whose_handshake_is_over_is_not_checked)
{
    checking c([](config& o) {
        o.self_check.max_concurrent = 1;
        o.self_check.timeout = 2s;
        o.handshake_wait = 1s;
    });
    tcp::acceptor tarpit(c.b.io, tcp::endpoint(asio::ip::make_address("127.0.0.9"), c.port.number()));
    std::vector<std::shared_ptr<outcome<std::string>>> all;
    for (int n = 0; n < 20; ++n)
        all.push_back(c.ask("n" + std::to_string(n) + ".tar", "127.0.0." + std::to_string(10 + n)));
    for (const auto& each : all)
        c.b.wait_for([&] { return each->done(); });
    // Whoever comes now waits for the one that is under way, not for the others.
    c.b.wait_for([&] { return c.is_served(c.ask("good.example", "127.0.0.3")); });
    const auto given_up = [](const error& e) { return has(e.what(), "nobody waits"); };
    BOOST_TEST(std::ranges::count_if(c.refusals(), given_up) > 15);
    BOOST_TEST(c.b.ca->orders == 1U);
}

BOOST_AUTO_TEST_CASE(one_answer_is_enough_and_all_addresses_are_asked_at_once)
{
    checking c([](config& o) {
        o.self_check.resolver = [](std::string) -> asio::awaitable<std::vector<asio::ip::address>> {
            std::vector<asio::ip::address> found;
            for (const char* each : {"127.0.0.9", "127.0.0.8", "127.0.0.1"})
                found.push_back(asio::ip::make_address(each));
            co_return found;
        };
    });
    tcp::acceptor tarpit(c.b.io, tcp::endpoint(asio::ip::make_address("127.0.0.9"), c.port.number()));
    const auto before = std::chrono::steady_clock::now();
    BOOST_TEST(c.is_served(c.ask("good.example", "127.0.0.3")));
    BOOST_TEST((std::chrono::steady_clock::now() - before < 5s));
    for (const auto& e : c.b.events)
        BOOST_TEST(!std::holds_alternative<validation_answered>(e));
}

BOOST_AUTO_TEST_CASE(nothing_connects_to_addresses_that_no_ca_can_reach)
{
    bool connected = false;
    checking c([](config& o) { o.self_check.private_addresses = false; });
    tcp::acceptor elsewhere(c.b.io, tcp::endpoint(asio::ip::make_address("127.0.0.9"), c.port.number()));
    elsewhere.async_accept([&](boost::system::error_code ec, const tcp::socket&) { connected = !ec; });
    BOOST_TEST(!c.is_served(c.ask("name.tar", "127.0.0.2")));
    BOOST_TEST(!c.is_served(c.ask("good.example", "127.0.0.2")));
    for (const auto& e : c.refusals())
        BOOST_TEST((e.code() == errc::self_check_failed), e.what());
    BOOST_TEST(c.refusals().size() == 2U);
    BOOST_TEST(!connected);
    BOOST_TEST(c.b.ca->orders == 0U);
}

/// Names lead to the second of two managers on a store.
struct group_of_two : checking
{
    explicit group_of_two(const std::function<void(config&)>& change = [](config&) {})
        : checking([&](config& o) {
            o.self_check.tls_port = second_port.number();
            change(o);
        })
        , second(b.io.get_executor(), second_options())
    {
        b.run(b.certificates().async_use_store(shared));
        b.run(second.async_use_store(shared));
    }
    ~group_of_two() { stop_second(); }

    config second_options()
    {
        config c;
        c.transport = b.ca;
        c.directory_url = b.ca->ca.directory_url();
        c.limits = limits::off();
        c.random = [] { return std::uint64_t{2}; };
        c.on_event = [this](const event& e) { second_events.push_back(e); };
        return c;
    }
    void serve_second()
    {
        serve_options o = quick();
        o.https = {tcp::endpoint(asio::ip::address_v4::loopback(), second_port.number())};
        o.http = {tcp::endpoint(asio::ip::address_v4::loopback(), second_http_port.number())};
        bool listens = false;
        o.on_listening = [&](const listening&) { listens = true; };
        auto hello = [](const http_request&) { return http_response(); };
        done = false;
        asio::co_spawn(b.io, async_serve(second, hello, o), [this](std::exception_ptr) { done = true; });
        b.wait_for([&] { return listens; });
    }
    void stop_second()
    {
        b.run(second.async_shutdown());
        b.wait_for([this] { return done; });
    }
    void wait_for_key()
    {
        b.wait_for([this] {
            bool there = false;
            b.run([](store& s, bool& found) -> asio::awaitable<void> {
                found = (co_await s.async_load("self-check-key")).has_value();
            }(*shared, there));
            return there;
        });
    }

    std::shared_ptr<store> shared = make_memory_store();
    std::vector<event> second_events;
    manager second;
    bool done = true;
};

BOOST_AUTO_TEST_CASE(a_name_may_lead_to_any_server_of_the_group)
{
    group_of_two g([](config& o) { o.self_check.http_port = 1; });
    g.serve_second();
    g.wait_for_key();
    BOOST_TEST(g.is_served(g.ask("good.example", "127.0.0.3")));
    BOOST_TEST(g.refusals().empty());
    // Neither server takes the check for a validation.
    for (const auto* events : {&g.b.events, &g.second_events})
        for (const auto& e : *events)
            BOOST_TEST(!std::holds_alternative<validation_answered>(e));
}

BOOST_AUTO_TEST_CASE(a_name_may_lead_to_any_server_of_the_group_over_http)
{
    reserved_port http_port;
    group_of_two g([&](config& o) {
        o.self_check.tls_port = 1;
        o.self_check.http_port = http_port.number();
    });
    g.serve_second();
    g.wait_for_key();
    const auto relay = [&](tcp::acceptor& from) -> asio::awaitable<void> {
        auto peer = co_await from.async_accept(asio::use_awaitable);
        std::string octets(4096, ' ');
        octets.resize(co_await peer.async_read_some(asio::buffer(octets), asio::use_awaitable));
        const auto answer = co_await talk_tcp(g.second_http_port.number(), octets);
        co_await asio::async_write(peer, asio::buffer(answer), asio::use_awaitable);
    };
    tcp::acceptor balancer(g.b.io, tcp::endpoint(asio::ip::address_v4::loopback(), http_port.number()));
    asio::co_spawn(g.b.io, relay(balancer), [](std::exception_ptr) {});
    BOOST_TEST(g.is_served(g.ask("good.example", "127.0.0.3")));
    for (const auto& e : g.second_events)
        BOOST_TEST(!std::holds_alternative<validation_answered>(e));
}

BOOST_AUTO_TEST_CASE(what_the_group_answers_lets_no_stranger_pass)
{
    group_of_two g;
    g.serve_second();
    g.wait_for_key();
    client_offer offer("good.example");
    offer.protocols = {"acme-tls/1"};
    const auto shown = g.b.run(connect_tls(g.second_port.number(), offer));
    BOOST_TEST(shown.for_challenge);
    BOOST_TEST(shown.names == std::vector<std::string>{"good.example"}, boost::test_tools::per_element());
    g.stop_second();
    // The same names and extension, with another key.
    const auto answer = make_challenge_certificate("good.example", "self-check", std::chrono::system_clock::now());
    laid_credentials laid;
    laid.challenges["good.example"] = answer;
    asio::ssl::context tls(asio::ssl::context::tls_server);
    install(tls, std::make_shared<laid_credentials>(laid));
    tcp::acceptor stranger(g.b.io, tcp::endpoint(asio::ip::address_v4::loopback(), g.second_port.number()));
    bool shook_hands = false;
    const auto answer_once = [&]() -> asio::awaitable<void> {
        asio::ssl::stream<tcp::socket> stream(co_await stranger.async_accept(asio::use_awaitable), tls);
        co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
        shook_hands = true;
        co_await pause(1s);
    };
    asio::co_spawn(g.b.io, answer_once(), [](std::exception_ptr) {});
    BOOST_TEST(!g.is_served(g.ask("good.example", "127.0.0.3")));
    BOOST_TEST(shook_hands);
    BOOST_REQUIRE(g.refusals().size() == 1U);
    BOOST_TEST(has(g.refusals()[0].what(), "another server's certificate"), g.refusals()[0].what());
    BOOST_TEST(g.b.ca->orders == 0U);
}

BOOST_AUTO_TEST_CASE(a_check_leaves_the_challenge_of_another_server)
{
    group_of_two g([](config& o) { o.self_check.timeout = 1h; });
    tcp::acceptor tarpit(g.b.io, tcp::endpoint(asio::ip::address_v4::loopback(), g.second_port.number()));
    const auto asked = g.ask("good.example", "127.0.0.3");
    const auto shown = [&] { return g.b.certificates().credentials()->find_challenge("good.example"); };
    g.b.wait_for([&] { return shown() != nullptr; });
    const auto own = shown();
    const std::string token = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";
    g.b.run(g.shared->async_save(state_keys(g.b.ca->ca.directory_url()).challenge("good.example"),
        R"({"type":"tls-alpn-01","token":")" + token + R"(","key_authorization":")" + token +
            R"(.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"})"));
    g.b.wait_for([&] { return shown() != own; });
    const auto published = shown();
    BOOST_REQUIRE(published);
    // The check fails.
    tarpit.close();
    BOOST_TEST(!g.is_served(asked));
    BOOST_TEST(g.refusals().size() == 1U);
    BOOST_TEST((shown() == published));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
