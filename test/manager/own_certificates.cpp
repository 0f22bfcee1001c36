#include "manager/certificates.hpp"
#include "manager/weather.hpp"
#include "manager/world.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <thread>

/// Certificates that the application supplies.
namespace acme::test {
namespace {

using std::chrono::hours;

struct supplied : world
{
    certificate_ptr found(std::string_view name) const { return manager->credentials()->find(name); }
    void add(const certificate_ptr& c) { manager->add_certificate(c); }
};

BOOST_AUTO_TEST_SUITE(own_certificates)

BOOST_FIXTURE_TEST_CASE(one_is_served_at_once_for_all_its_names_and_nothing_is_ordered, supplied)
{
    auto own = make_served({"a.example.com", "*.b.example.com", "localhost", "192.0.2.1"});
    add(own);
    for (const char* name : {"a.example.com", "A.EXAMPLE.com.", "x.b.example.com", "localhost", "192.0.2.1"}) {
        BOOST_TEST((found(name) == own), name);
        BOOST_TEST((get(name) == own), name);
        BOOST_TEST((wait(shake_hands(name)) == own), name);
    }
    for (const char* name : {"b.example.com", "x.y.b.example.com", "*.b.example.com", ""})
        BOOST_TEST((found(name) == nullptr), name);
    BOOST_TEST(orders() == 0U);
    BOOST_TEST(registrations() == 0U);
}

BOOST_FIXTURE_TEST_CASE(it_comes_before_managed_ones_and_they_after_it, supplied)
{
    auto managed = get("a.example.com");
    auto wildcard = make_served({"*.example.com"});
    add(wildcard);
    BOOST_TEST((found("a.example.com") == wildcard));
    auto exact = make_served({"a.example.com"});
    add(exact);
    BOOST_TEST((found("a.example.com") == exact));
    manager->remove_certificate(exact);
    BOOST_TEST((found("a.example.com") == wildcard));
    manager->remove_certificate(wildcard);
    BOOST_TEST((found("a.example.com") == managed));
}

BOOST_FIXTURE_TEST_CASE(what_it_covers_is_refreshed_only_when_it_is_gone, supplied)
{
    auto managed = get("a.example.com");
    get("other.example.org");
    auto own = make_served({"*.example.com"});
    add(own);
    pass(hours(24 * 80));
    // The other one.
    BOOST_TEST(orders() == 3U);
    manager->remove_certificate(own);
    run_until([&] { return orders() == 4U && found("a.example.com") != managed; });
    BOOST_TEST(found("a.example.com")->covers("a.example.com"));
}

BOOST_AUTO_TEST_CASE(the_ca_is_not_asked_about_what_it_covers)
{
    weather w;
    w.get("a.example.com");
    w.pass(hours(24 * 3));
    BOOST_TEST(w.polls() > 2U);
    auto own = make_served({"*.example.com"});
    w.manager->add_certificate(own);
    w.settle();
    const auto asked = w.polls();
    w.pass(hours(24 * 3));
    BOOST_TEST(w.polls() == asked);
    w.manager->remove_certificate(own);
    w.pass(hours(24 * 3));
    BOOST_TEST(w.polls() > asked + 2);
}

BOOST_AUTO_TEST_CASE(a_refresh_that_waits_for_its_token_becomes_needless)
{
    world w([](config& c) { c.limits.requests = rate(2, hours(24 * 60)); });
    const std::string hosts[] = {"a.example.com", "b.example.com"};
    std::map<std::string, certificate_ptr> first;
    for (const auto& host : hosts)
        first[host] = w.get(host);
    w.pass(hours(24 * 61));
    // Both are due, with a token for one.
    BOOST_TEST(w.orders() == 3U);
    const auto& waiting = w.manager->credentials()->find(hosts[0]) == first[hosts[0]] ? hosts[0] : hosts[1];
    w.manager->add_certificate(make_self_signed_certificate({waiting}, w.clock->now()));
    w.pass(hours(24 * 62));
    const auto of_it = [&](const validation& v) { return v.identifier.value == waiting; };
    BOOST_TEST(std::ranges::count_if(w.validated, of_it) == 1);
}

BOOST_FIXTURE_TEST_CASE(what_it_covers_is_not_replaced_after_a_revocation, supplied)
{
    get("a.example.com");
    auto own = make_served({"a.example.com"});
    add(own);
    await(manager->async_revoke("a.example.com", revocation_reason::key_compromise));
    pass(hours(1));
    BOOST_TEST(orders() == 1U);
    BOOST_TEST((found("a.example.com") == own));
    manager->remove_certificate(own);
    BOOST_TEST((found("a.example.com") == nullptr));
}

BOOST_FIXTURE_TEST_CASE(another_replaces_it_name_by_name, supplied)
{
    auto first = make_served({"a.example.com", "b.example.com"});
    auto second = make_served({"b.example.com", "c.example.com"});
    add(first);
    add(second);
    BOOST_TEST((found("a.example.com") == first));
    BOOST_TEST((found("b.example.com") == second));
    // What it has no longer is not taken from the other.
    manager->remove_certificate(first);
    BOOST_TEST((found("a.example.com") == nullptr));
    BOOST_TEST((found("b.example.com") == second));
    manager->remove_certificate(first);
    manager->remove_certificate(nullptr);
    BOOST_TEST((found("c.example.com") == second));
}

BOOST_FIXTURE_TEST_CASE(it_does_not_depend_on_hosts_and_is_no_part_of_the_state, supplied)
{
    const auto empty = manager->marshal();
    auto own = make_served({"a.example.com"});
    add(own);
    settle();
    BOOST_TEST(manager->marshal() == empty);
    manager->set_hosts({});
    settle();
    BOOST_TEST((get("a.example.com") == own));
    manager->unmarshal(empty);
    settle();
    BOOST_TEST((get("a.example.com") == own));
    BOOST_TEST(orders() == 0U);
}

BOOST_FIXTURE_TEST_CASE(one_without_names_is_refused, supplied)
{
    BOOST_CHECK_THROW(add(nullptr), std::invalid_argument);
    BOOST_CHECK_THROW(add(make_served({})), std::invalid_argument);
}

BOOST_FIXTURE_TEST_CASE(its_end_is_told_in_time_and_it_is_served_on, supplied)
{
    // From a day before to 90 days after now.
    auto own = make_served({"a.example.com"});
    auto replaced = make_served({"b.example.com"});
    add(own);
    add(replaced);
    add(make_self_signed_certificate({"b.example.com"}, clock->now()));
    pass(hours(24 * 74));
    BOOST_TEST(told<certificate_expiring>().empty());
    pass(hours(24 * 2));
    BOOST_REQUIRE(told<certificate_expiring>().size() == 1U);
    BOOST_TEST((told<certificate_expiring>()[0].certificate == own));
    BOOST_TEST(describe(certificate_expiring{own}) ==
        "the application's own certificate 1001 of a.example.com is valid until 2026-08-30T00:00:00Z only");
    pass(hours(24 * 13));
    BOOST_TEST(told<certificate_expiring>().size() == 1U);
    pass(hours(24 * 2));
    BOOST_REQUIRE(told<certificate_expiring>().size() == 2U);
    BOOST_TEST((told<certificate_expiring>()[1].certificate == own));
    BOOST_TEST((get("a.example.com") == own));
    pass(hours(24 * 30));
    BOOST_TEST(told<certificate_expiring>().size() == 2U);
    // One that is over already.
    auto over = make_self_signed_certificate({"c.example.com"}, clock->now() - hours(48), hours(24));
    add(over);
    settle();
    BOOST_REQUIRE(told<certificate_expiring>().size() == 3U);
    BOOST_TEST((told<certificate_expiring>()[2].certificate == over));
    BOOST_TEST(orders() == 0U);
}

BOOST_FIXTURE_TEST_CASE(readers_see_one_or_the_other_while_it_is_replaced, supplied)
{
    const certificate_ptr both[] = {
        make_served({"a.example.com", "*.b.example.com"}), make_served({"a.example.com", "*.b.example.com"})};
    add(both[0]);
    const auto credentials = manager->credentials();
    std::atomic<bool> done = false;
    std::atomic<int> wrong = 0, reads = 0;
    auto read = [&] {
        while (!done) {
            for (const char* name : {"a.example.com", "x.b.example.com"}) {
                auto c = credentials->find(name);
                wrong += c != both[0] && c != both[1];
                ++reads;
            }
        }
    };
    std::thread one(read), other(read);
    for (int i = 1; i < 2000 || reads < 1000; ++i) {
        add(both[i % 2]);
        manager->remove_certificate(both[(i + 1) % 2]);
    }
    done = true;
    one.join();
    other.join();
    BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_CASE(the_default_one_is_that_of_a_host_and_stays_in_memory)
{
    world w([](config& c) { c.default_host = "a.example.com"; });
    BOOST_TEST((w.manager->credentials()->find_default() == nullptr));
    BOOST_TEST(w.manager->options().pinned_hosts.contains("a.example.com"));
    auto managed = w.get("a.example.com");
    BOOST_TEST((w.manager->credentials()->find_default() == managed));
    auto own = make_served({"*.example.com"});
    w.manager->add_certificate(own);
    BOOST_TEST((w.manager->credentials()->find_default() == own));
    world without;
    without.manager->add_certificate(own);
    BOOST_TEST((without.manager->credentials()->find_default() == nullptr));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
