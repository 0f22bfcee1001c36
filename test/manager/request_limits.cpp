#include "manager/world.hpp"

#include <boost/test/unit_test.hpp>

namespace acme::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

BOOST_AUTO_TEST_SUITE(limits_of_requests)

BOOST_AUTO_TEST_CASE(twenty_orders_go_at_once_and_the_next_a_minute_later)
{
    world w([](config& c) { c.limits.requests = limits().requests; });
    std::vector<outcome_ptr> callers;
    for (int n = 0; n < 23; ++n)
        callers.push_back(w.ask(host_number(n)));
    std::vector<std::chrono::steady_clock::duration> placed;
    w.run_until([&] {
        while (placed.size() < w.orders())
            placed.push_back(w.clock->elapsed());
        return placed.size() == 23;
    });
    BOOST_TEST((placed[19] < seconds(5)));
    BOOST_TEST(between(placed[20], seconds(59), seconds(65)));
    BOOST_TEST(between(placed[21], seconds(119), seconds(125)));
    BOOST_TEST(between(placed[22], seconds(179), seconds(185)));
    for (auto& caller : callers)
        BOOST_TEST(w.wait(caller));
}

BOOST_AUTO_TEST_CASE(waiting_for_a_token_is_not_part_of_the_issuances_time)
{
    world w([](config& c) {
        c.limits.requests = rate(1, hours(1));
        c.issuance_timeout = seconds(60);
    });
    BOOST_TEST(w.get("a.example.com"));
    BOOST_TEST(w.get("b.example.com"));
    BOOST_TEST((w.clock->elapsed() >= hours(1) - seconds(1)));
}

BOOST_AUTO_TEST_CASE(the_requests_bucket_moves_with_the_state)
{
    world w([](config& c) { c.limits.requests = rate(3, minutes(1)); });
    for (int n = 0; n < 3; ++n)
        w.get(host_number(n));
    config options = w.options();
    options.limits.requests = rate(3, minutes(1));
    server_process other(w, options);
    other.manager->unmarshal(w.manager->marshal());
    const auto before = w.clock->elapsed();
    BOOST_TEST(other.get(host_number(3)));
    BOOST_TEST((w.clock->elapsed() - before >= seconds(50)));
}

BOOST_AUTO_TEST_CASE(twenty_new_hosts_and_then_one_each_three_hours_but_refreshes_are_exempt)
{
    world w([](config& c) { c.limits.new_hosts = limits().new_hosts; });
    for (int n = 0; n < 20; ++n)
        BOOST_TEST(w.get(host_number(n)));
    const auto e = w.refusal(host_number(20));
    BOOST_TEST((e.code() == errc::too_many_new_hosts));
    BOOST_REQUIRE((e.retry().when == retry_advice::kind::at));
    BOOST_TEST((e.retry().not_before > w.clock->now() + hours(2) + minutes(58)));
    BOOST_TEST((e.retry().not_before <= w.clock->now() + hours(3) + seconds(1)));
    BOOST_TEST(w.orders() == 20U);
    // The hosts that have one are served.
    BOOST_TEST(w.get(host_number(3)));

    w.pass(e.retry().not_before - w.clock->now() + seconds(1));
    BOOST_TEST(w.get(host_number(20)));
    BOOST_TEST((w.refusal(host_number(21)).code() == errc::too_many_new_hosts));

    // An empty bucket holds no refresh back.
    w.run_until([&] { return w.told<certificate_obtained>().size() >= 42; });
    BOOST_TEST((w.clock->elapsed() < hours(24 * 62)));
}

BOOST_AUTO_TEST_CASE(the_new_hosts_bucket_moves_with_the_state)
{
    const auto limited = [](config& c) { c.limits.new_hosts = rate(2, hours(3)); };
    world w(limited);
    w.get(host_number(0));
    w.get(host_number(1));
    config options = w.options();
    limited(options);
    server_process other(w, options);
    other.manager->unmarshal(w.manager->marshal());
    BOOST_TEST((other.refusal(host_number(2)).code() == errc::too_many_new_hosts));
}

BOOST_AUTO_TEST_CASE(a_refused_host_joins_an_issuance_without_a_token)
{
    world w([](config& c) { c.limits.new_hosts = rate(1, hours(3)); });
    const auto first = w.ask("a.example.com");
    const auto joins = w.ask("a.example.com");
    BOOST_TEST(w.wait(first));
    BOOST_TEST((w.wait(joins) == w.wait(first)));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
