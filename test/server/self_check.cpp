#include "kit/name_service.hpp"
#include "kit/process.hpp"
#include "server/running.hpp"

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
    bench b;
    std::optional<running> server;
};

BOOST_AUTO_TEST_SUITE(self_check)

BOOST_AUTO_TEST_CASE(names_that_are_looked_up_for_long_delay_nobody)
{
    name_service names;
    checking c([](config& o) {
        o.self_check.resolver = nullptr;
        o.self_check.enabled = true;
        o.self_check.timeout = 1s;
    });
    for (int n = 0; n < 20; ++n)
        c.ask("n" + std::to_string(n) + ".slow", "127.0.0.2");
    c.b.wait_for([&] { return names.stuck() == 4U; });
    BOOST_TEST(c.b.run(c.b.certificates().async_get_certificate("own.example")) != nullptr);
    BOOST_TEST(c.is_served(c.ask("good.quick", "127.0.0.3")));
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
    BOOST_TEST(c.is_served(c.ask("better.quick", "127.0.0.3")));
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

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
