#include "manager/spy_store.hpp"
#include "manager/world.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/test/unit_test.hpp>

#include <map>
#include <stdexcept>

/// Who may make the manager spend anything: decisions, budgets and the self-check.
namespace acme::test {
namespace {

namespace asio = boost::asio;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

asio::awaitable<void> throw_refusal(asio::awaitable<std::optional<error>> finding)
{
    const auto why = co_await std::move(finding);
    if (why)
        throw *why;
}

/// An application that is asked, and says yes to what it lists.
struct application
{
    std::set<std::string> customers;
    std::vector<std::string> asked;
    std::vector<client_hello> hellos;
    bool broken = false;
    bool silent = false;

    decision_function function(std::shared_ptr<acme::clock> time)
    {
        return [this, time](std::string host, client_hello hello) { return decide(time, host, hello); };
    }

    asio::awaitable<bool> decide(std::shared_ptr<acme::clock> time, std::string host, client_hello hello)
    {
        asked.push_back(host);
        hellos.push_back(hello);
        co_await asio::post(asio::use_awaitable);
        if (broken)
            throw std::runtime_error("the database is gone");
        if (silent)
            co_await time->async_wait(hours(1));
        co_return customers.contains(host);
    }
};

client_hello hello_from(std::string host, const char* address)
{
    client_hello hello(std::move(host));
    hello.client_address = asio::ip::make_address(address);
    return hello;
}

struct deciding_world : application, world
{
    deciding_world()
        : world([this](config& c) { c.decide = function(c.clock); })
    {}
};

host_resolver resolver_of(std::map<std::string, std::string> addresses)
{
    return [addresses](std::string host) -> asio::awaitable<std::vector<asio::ip::address>> {
        std::vector<asio::ip::address> found;
        if (auto it = addresses.find(host); it != addresses.end())
            found.push_back(asio::ip::make_address(it->second));
        co_return found;
    };
}

// A port of this machine where nobody listens, as nobody else gets it meanwhile.
class deaf_port
{
public:
    deaf_port()
        : socket_(io_, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0))
    {}
    std::uint16_t number() const { return socket_.local_endpoint().port(); }

private:
    asio::io_context io_;
    asio::ip::tcp::socket socket_;
};

BOOST_AUTO_TEST_SUITE(unknown_names)

BOOST_AUTO_TEST_CASE(the_application_decides_for_handshakes)
{
    deciding_world w;
    w.customers = {"yes.example.com"};
    BOOST_TEST(w.wait(w.start(w.manager->async_get_certificate(hello_from("yes.example.com", "192.0.2.1")))));
    const auto e = w.wait_refused(w.shake_hands("no.example.com"));
    BOOST_TEST((e.code() == errc::host_not_allowed));
    BOOST_TEST(w.orders() == 1U);
    BOOST_REQUIRE(w.hellos.size() == 2U);
    BOOST_TEST(w.hellos[0].client_address->to_string() == "192.0.2.1");
    BOOST_REQUIRE(w.told<host_refused>().size() == 1U);
    BOOST_TEST(w.told<host_refused>()[0].host == "no.example.com");
    BOOST_TEST(w.told<issuance_failed>().empty());
}

BOOST_AUTO_TEST_CASE(both_answers_are_remembered_for_a_while)
{
    deciding_world w;
    for (int n = 0; n < 5; ++n)
        BOOST_TEST((w.wait_refused(w.shake_hands("no.example.com")).code() == errc::host_not_allowed));
    BOOST_TEST(w.asked.size() == 1U);
    w.pass(seconds(301));
    w.customers = {"no.example.com"};
    BOOST_TEST(w.wait(w.shake_hands("no.example.com")));
    BOOST_TEST(w.asked.size() == 2U);
    BOOST_TEST(w.told<host_refused>().size() == 5U);
}

BOOST_AUTO_TEST_CASE(handshakes_for_one_host_ask_the_application_once)
{
    deciding_world w;
    w.customers = {"a.example.com"};
    std::vector<outcome_ptr> all;
    for (int n = 0; n < 20; ++n)
        all.push_back(w.shake_hands("a.example.com"));
    for (auto& each : all)
        BOOST_TEST(w.wait(each));
    BOOST_TEST(w.asked.size() == 1U);
    BOOST_TEST(w.orders() == 1U);
}

BOOST_AUTO_TEST_CASE(what_the_application_asks_for_itself_and_an_allow_list_need_no_decision)
{
    deciding_world w;
    BOOST_TEST(w.get("own.example.com"));
    w.manager->set_hosts({"listed.example.com"});
    BOOST_TEST(w.wait(w.shake_hands("listed.example.com")));
    BOOST_TEST((w.wait_refused(w.shake_hands("other.example.com")).code() == errc::host_not_allowed));
    BOOST_TEST(w.asked.empty());
}

BOOST_AUTO_TEST_CASE(an_allow_list_outweighs_a_no_that_is_remembered)
{
    deciding_world w;
    BOOST_TEST((w.wait_refused(w.shake_hands("a.example.com")).code() == errc::host_not_allowed));
    w.manager->set_hosts({"a.example.com"});
    BOOST_TEST(w.wait(w.shake_hands("a.example.com")));
}

BOOST_AUTO_TEST_CASE(a_decision_that_fails_or_never_comes_is_a_failure_and_no_order)
{
    deciding_world w;
    w.broken = true;
    BOOST_TEST((w.wait_refused(w.shake_hands("broken.example.com")).code() == errc::unexpected_answer));
    w.broken = false;
    w.silent = true;
    BOOST_TEST((w.wait_refused(w.shake_hands("silent.example.com")).code() == errc::timed_out));
    BOOST_TEST(w.orders() == 0U);
    w.silent = false;
    w.customers = {"silent.example.com"};
    w.pass(minutes(2));
    BOOST_TEST(w.wait(w.shake_hands("silent.example.com")));
}

BOOST_AUTO_TEST_CASE(one_client_can_not_ask_for_all_new_hosts)
{
    world w([](config& c) { c.limits.new_hosts_per_client = rate(3, minutes(10)); });
    int n = 0;
    const auto ask_from = [&](const char* address) {
        return w.start(w.manager->async_get_certificate(hello_from(host_number(++n), address)));
    };
    for (const char* address : {"192.0.2.1", "192.0.2.1", "192.0.2.1"})
        BOOST_TEST(w.wait(ask_from(address)));
    const auto e = w.wait_refused(ask_from("192.0.2.1"));
    BOOST_TEST((e.code() == errc::too_many_new_hosts));
    BOOST_TEST((e.retry().when == retry_advice::kind::at));
    BOOST_TEST(w.wait(ask_from("192.0.2.2")));
    // One network of 64 bits is one client.
    for (const char* address : {"2001:db8::1", "2001:db8::2", "2001:db8::ffff"})
        BOOST_TEST(w.wait(ask_from(address)));
    BOOST_TEST((w.wait_refused(ask_from("2001:db8::3")).code() == errc::too_many_new_hosts));
    BOOST_TEST(w.wait(ask_from("2001:db8:0:1::3")));
    // What is at hand is not new.
    BOOST_TEST(w.wait(w.start(w.manager->async_get_certificate(hello_from(host_number(1), "192.0.2.1")))));
    w.pass(minutes(10));
    BOOST_TEST(w.wait(ask_from("192.0.2.1")));
    BOOST_TEST(w.told<host_refused>().size() == 2U);
}

BOOST_AUTO_TEST_CASE(what_is_refused_at_once_is_told_of_and_what_is_not_costs_nothing)
{
    world w([](config& c) { c.limits.new_hosts_per_client = rate(1, minutes(1)); });
    const auto at_once = [&](std::string host) {
        return w.start(throw_refusal(w.manager->async_find_refusal(hello_from(std::move(host), "192.0.2.1"))));
    };
    for (int n = 0; n != 3; ++n)
        w.wait(at_once("a.example"));
    BOOST_TEST(w.orders() == 0U);
    BOOST_TEST(w.events.empty());
    // Its only token is there.
    BOOST_TEST(w.wait(w.start(w.manager->async_get_certificate(hello_from("a.example", "192.0.2.1")))));
    w.wait(at_once("a.example"));
    BOOST_TEST((w.wait_refused(at_once("b.example")).code() == errc::too_many_new_hosts));
    w.manager->set_hosts({"b.example"});
    w.settle();
    w.wait(at_once("b.example"));
    BOOST_TEST((w.wait_refused(at_once("c.example")).code() == errc::host_not_allowed));
    BOOST_TEST(w.told<host_refused>().size() == 2U);
    BOOST_TEST(w.orders() == 1U);
}

BOOST_AUTO_TEST_CASE(what_another_manager_has_saved_does_not_count_against_the_client)
{
    const auto shared = make_memory_store();
    surroundings around;
    auto c = around.options();
    c.limits.new_hosts_per_client = rate(1, hours(10));
    server_process here(around, c);
    here.await(here.manager->async_use_store(shared));
    server_process there(around);
    there.await(there.manager->async_use_store(shared));
    for (int n = 0; n < 5; ++n)
        there.get(host_number(n));
    for (int n = 0; n < 5; ++n)
        BOOST_TEST(here.wait(here.start(here.manager->async_get_certificate(hello_from(host_number(n), "192.0.2.1")))));
    BOOST_TEST(around.orders() == 5U);
    BOOST_TEST(here.told<host_refused>().empty());
}

BOOST_AUTO_TEST_CASE(what_the_application_allows_does_not_count_against_the_client)
{
    application app;
    world w([&](config& c) {
        c.decide = app.function(c.clock);
        c.limits.new_hosts_per_client = rate(2, hours(10));
    });
    for (int n = 0; n < 10; ++n)
        app.customers.insert(host_number(n));
    for (int n = 0; n < 10; ++n)
        BOOST_TEST(w.wait(w.start(w.manager->async_get_certificate(hello_from(host_number(n), "192.0.2.1")))));
}

BOOST_AUTO_TEST_CASE(junk_of_a_client_keeps_it_from_nothing_that_the_application_allows)
{
    application app;
    world w([&](config& c) {
        c.decide = app.function(c.clock);
        c.limits.new_hosts_per_client = rate(2, hours(10));
    });
    const auto ask = [&](int n) {
        return w.start(w.manager->async_get_certificate(hello_from(host_number(n), "192.0.2.1")));
    };
    app.customers = {host_number(100), host_number(101)};
    for (int n = 0; n < 10; ++n)
        BOOST_TEST((w.wait_refused(ask(n)).code() == errc::host_not_allowed));
    app.broken = true;
    for (int n = 10; n < 20; ++n)
        BOOST_TEST((w.wait_refused(ask(n)).code() == errc::unexpected_answer));
    app.broken = false;
    BOOST_TEST(w.wait(ask(100)));
    // But not more questions at a time.
    app.silent = true;
    const std::vector<outcome_ptr> pending{ask(20), ask(21)};
    const auto e = w.wait_refused(ask(22));
    BOOST_TEST((e.code() == errc::too_many_new_hosts));
    BOOST_TEST((e.retry().when == retry_advice::kind::at));
    for (const auto& each : pending)
        BOOST_TEST((w.wait_refused(each).code() == errc::timed_out));
    app.silent = false;
    BOOST_TEST(w.wait(ask(101)));
}

BOOST_AUTO_TEST_CASE(what_the_application_has_allowed_is_not_asked_again_and_needs_no_token)
{
    application app;
    world w([&](config& c) {
        c.decide = app.function(c.clock);
        c.limits.new_hosts_per_client = rate(1, hours(10));
    });
    const auto ask = [&](std::string host) {
        return w.start(w.manager->async_get_certificate(hello_from(std::move(host), "192.0.2.1")));
    };
    app.customers = {"a.example.com"};
    w.validation_error = "no route to host";
    w.wait_refused(ask("a.example.com"));
    w.validation_error.reset();
    w.pass(minutes(2));
    app.silent = true;
    const auto pending = ask("b.example.com");
    w.settle();
    BOOST_TEST(w.wait(ask("a.example.com")));
    BOOST_TEST(app.asked.size() == 2U);
    // What was allowed has not made room for others.
    BOOST_TEST(!pending->done);
    BOOST_TEST((w.wait_refused(ask("c.example.com")).code() == errc::too_many_new_hosts));
}

BOOST_AUTO_TEST_CASE(one_domain_can_not_use_up_all_new_hosts)
{
    world w([](config& c) {
        c.limits.new_hosts_per_domain = rate(2, hours(10));
        c.limits.new_hosts = rate(3, hours(1'000));
    });
    BOOST_TEST(w.wait(w.shake_hands("a.example.com")));
    BOOST_TEST(w.wait(w.shake_hands("b.example.com")));
    BOOST_TEST((w.wait_refused(w.shake_hands("c.example.com")).code() == errc::too_many_new_hosts));
    BOOST_TEST(w.wait(w.shake_hands("c.example.net")));
    // That one took the last token of all; a domain keeps what another limit refuses.
    for (int n = 0; n < 3; ++n)
        BOOST_TEST((w.wait_refused(w.shake_hands("d.example.org")).code() == errc::too_many_new_hosts));
    BOOST_TEST(w.orders() == 3U);
    BOOST_TEST(w.told<issuance_failed>().empty());
    BOOST_TEST(w.told<host_refused>().size() == 4U);
}

BOOST_AUTO_TEST_CASE(by_default_neither_one_domain_nor_one_client_uses_up_all_new_hosts)
{
    const auto address = [](int n) { return "192.0.2." + std::to_string(n); };
    const auto any_domain = [](int n) { return "www.example" + std::to_string(n) + ".com"; };
    struct asking
    {
        std::function<std::string(int)> host, from;
    };
    const asking greedy[] = {{host_number, [&](int) { return address(1); }},
        {any_domain, [&](int) { return address(1); }}, {host_number, address}};
    for (const auto& each : greedy) {
        world w([](config& c) { c.limits = limits(); });
        const auto is_served = [&](std::string host, const std::string& from) {
            const auto hello = hello_from(std::move(host), from.c_str());
            const auto asked = w.start(w.manager->async_get_certificate(hello));
            w.run_until([&] { return asked->done; });
            return !asked->failure;
        };
        int served = 0;
        for (int n = 0; n < 21; ++n)
            served += is_served(each.host(n), each.from(n));
        BOOST_TEST(served == 10);
        for (int n = 0; n < 5; ++n)
            BOOST_TEST(is_served("www.honest" + std::to_string(n) + ".com", address(200 + n)));
    }
}

BOOST_AUTO_TEST_CASE(a_name_that_does_not_lead_here_is_not_ordered)
{
    const deaf_port nobody;
    world w([&](config& c) {
        c.self_check.enabled = true;
        c.self_check.tls_port = nobody.number();
        c.self_check.resolver = resolver_of({{"elsewhere.example.com", "127.0.0.1"}});
        c.self_check.private_addresses = true;
    });
    const auto elsewhere = w.wait_refused(w.shake_hands("elsewhere.example.com"));
    BOOST_TEST((elsewhere.code() == errc::self_check_failed));
    BOOST_TEST(std::string(elsewhere.what()).find("127.0.0.1") != std::string::npos, elsewhere.what());
    BOOST_TEST((w.wait_refused(w.shake_hands("nowhere.example.com")).code() == errc::self_check_failed));
    BOOST_TEST(w.network->requests.empty());
    // Its failure is remembered, for longer each time.
    BOOST_TEST((w.wait_refused(w.shake_hands("nowhere.example.com")).code() == errc::recently_failed));
    w.pass(minutes(2));
    BOOST_TEST((w.wait_refused(w.shake_hands("nowhere.example.com")).code() == errc::self_check_failed));
    w.pass(minutes(2));
    BOOST_TEST((w.wait_refused(w.shake_hands("nowhere.example.com")).code() == errc::recently_failed));
    BOOST_TEST(w.told<host_refused>().size() == 5U);
    BOOST_TEST(w.told<issuance_failed>().empty());
    // But never for longer than an hour.
    for (int n = 0; n < 5; ++n) {
        w.pass(hours(1) + minutes(1));
        BOOST_TEST((w.wait_refused(w.shake_hands("nowhere.example.com")).code() == errc::self_check_failed));
    }
}

BOOST_AUTO_TEST_CASE(an_allow_list_outweighs_a_failed_self_check)
{
    const deaf_port nobody;
    world w([&](config& c) {
        c.self_check.enabled = true;
        c.self_check.tls_port = nobody.number();
        c.self_check.resolver = resolver_of({});
    });
    BOOST_TEST((w.wait_refused(w.shake_hands("a.example.com")).code() == errc::self_check_failed));
    BOOST_TEST((w.wait_refused(w.shake_hands("a.example.com")).code() == errc::recently_failed));
    w.manager->set_hosts({"a.example.com"});
    BOOST_TEST(w.wait(w.shake_hands("a.example.com")));
}

BOOST_AUTO_TEST_CASE(vouched_names_need_no_self_check)
{
    application app;
    app.customers = {"customer.example.com"};
    world w([&](config& c) {
        c.decide = app.function(c.clock);
        c.self_check.enabled = true;
        c.self_check.resolver = resolver_of({});
    });
    BOOST_TEST(w.wait(w.shake_hands("customer.example.com")));
    BOOST_TEST(w.get("own.example.com"));
    w.manager->set_hosts({"listed.example.com"});
    BOOST_TEST(w.wait(w.shake_hands("listed.example.com")));
}

BOOST_AUTO_TEST_CASE(names_that_nobody_vouches_for_take_half_of_the_places_at_most)
{
    world w([](config& c) {
        c.max_waiters = 4;
        c.self_check.enabled = true;
        c.self_check.resolver = [time = c.clock](std::string) -> asio::awaitable<std::vector<asio::ip::address>> {
            co_await time->async_wait(hours(1));
            co_return std::vector<asio::ip::address>();
        };
    });
    const auto first = w.shake_hands("a.example.com");
    const auto second = w.shake_hands("b.example.com");
    w.settle();
    BOOST_TEST((w.wait_refused(w.shake_hands("c.example.com")).code() == errc::too_many_waiters));
    BOOST_TEST(w.get("own.example.com"));
    // A lookup that takes too long says nothing of the host.
    BOOST_TEST((w.wait_refused(first).code() == errc::self_check_failed));
    BOOST_TEST((w.wait_refused(second).code() == errc::self_check_failed));
    BOOST_TEST((w.wait_refused(w.shake_hands("a.example.com")).code() == errc::self_check_failed));
}

BOOST_AUTO_TEST_CASE(a_thousand_junk_names_cost_the_ca_and_the_store_nothing)
{
    world w([&](config& c) {
        c.max_failures = 100;
        c.self_check.enabled = true;
        c.self_check.resolver = resolver_of({});
        c.limits = limits();
    });
    const auto disk = std::make_shared<spy_store>();
    w.await(w.manager->async_use_store(disk));
    std::vector<outcome_ptr> all;
    for (int n = 0; n < 1'000; ++n) {
        const auto client = "192.0.2." + std::to_string(n % 200);
        all.push_back(w.start(w.manager->async_get_certificate(hello_from(host_number(n), client.c_str()))));
    }
    std::size_t checked = 0;
    for (auto& each : all)
        checked += w.wait_refused(each).code() == errc::self_check_failed;
    BOOST_TEST(checked > 500U);
    w.settle();
    BOOST_TEST(disk->log.empty());
    BOOST_TEST(w.network->requests.empty());
    BOOST_TEST(w.told<host_refused>().size() == 1'000U);
    // And leave what the others may ask for.
    BOOST_TEST(w.get("own.example.com"));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
