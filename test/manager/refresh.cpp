#include "manager/world.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace acme::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
constexpr auto day = hours(24);

BOOST_AUTO_TEST_SUITE(refreshing)

BOOST_AUTO_TEST_CASE(a_certificate_is_refreshed_after_two_thirds_of_its_lifetime)
{
    world w;
    const auto first = w.get("a.example.com");
    const auto lifetime = first->not_after() - first->not_before();
    w.run_until([&] { return w.orders() == 2; });
    const auto due = first->not_before() + lifetime * 2 / 3;
    BOOST_TEST((w.clock->now() >= due));
    BOOST_TEST((w.clock->now() <= due + minutes(1)));
    BOOST_TEST((w.manager->credentials()->find("a.example.com") == first));
    w.run_until([&] { return w.told<certificate_obtained>().size() == 2; });
    const auto second = w.manager->credentials()->find("a.example.com");
    BOOST_TEST((second != first));
    BOOST_TEST(second->serial() != first->serial());
    BOOST_TEST(!(second->private_key() == first->private_key()));
    BOOST_TEST(w.told<certificate_obtained>()[1].refresh);
    BOOST_TEST((w.get("a.example.com") == second));
    BOOST_TEST(w.registrations() == 1U);
    // And so on.
    w.run_until([&] { return w.told<certificate_obtained>().size() == 4; });
    BOOST_TEST((w.clock->elapsed() > 3 * 59 * day));
}

BOOST_AUTO_TEST_CASE(a_lifetime_below_ten_days_is_halved)
{
    world w;
    w.ca.state().options.lifetime = hours(24 * 6);
    const auto first = w.get("a.example.com");
    w.run_until([&] { return w.orders() == 2; });
    const auto due = first->not_before() + (first->not_after() - first->not_before()) / 2;
    BOOST_TEST((w.clock->now() >= due));
    BOOST_TEST((w.clock->now() <= due + minutes(1)));
}

BOOST_AUTO_TEST_CASE(a_certificate_of_seconds_is_refreshed_each_minute_at_most)
{
    world w;
    w.ca.state().options.on_issue = [&](leaf_contents& leaf) {
        leaf.not_before = w.clock->now() - seconds(1);
        leaf.not_after = w.clock->now() + seconds(20);
    };
    w.get("a.example.com");
    const auto start = w.clock->elapsed();
    w.run_until([&] { return w.orders() == 11; });
    BOOST_TEST((w.clock->elapsed() - start >= minutes(10)));
    BOOST_TEST((w.clock->elapsed() - start < minutes(12)));
}

BOOST_AUTO_TEST_CASE(each_of_many_is_refreshed_once)
{
    world w;
    std::vector<outcome_ptr> callers;
    for (int n = 0; n < 25; ++n)
        callers.push_back(w.ask(host_number(n)));
    for (auto& caller : callers)
        w.wait(caller);
    w.run_until([&] { return w.told<certificate_obtained>().size() == 50; });
    w.pass(day);
    BOOST_TEST(w.orders() == 50U);
    for (int n = 0; n < 25; ++n) {
        const auto all = w.told<certificate_obtained>();
        BOOST_TEST(std::count_if(all.begin(), all.end(), [&](auto& e) { return e.host == host_number(n); }) == 2);
    }
}

BOOST_AUTO_TEST_CASE(a_failing_refresh_keeps_the_old_certificate_and_is_tried_again_and_again)
{
    world w;
    const auto first = w.get("a.example.com");
    w.validation_error = "no route to host";
    std::vector<std::chrono::system_clock::time_point> attempts;
    w.run_until([&] {
        if (attempts.size() < w.told<issuance_failed>().size())
            attempts.push_back(w.clock->now());
        return attempts.size() == 6;
    });
    BOOST_TEST((w.manager->credentials()->find("a.example.com") == first));
    BOOST_TEST((w.get("a.example.com") == first));
    for (const auto& e : w.told<issuance_failed>()) {
        BOOST_TEST(e.refresh);
        BOOST_TEST(e.host == "a.example.com");
        BOOST_TEST((e.error.code() == errc::authorization_invalid));
        BOOST_TEST((e.error.retry().when == retry_advice::kind::at));
    }
    const std::chrono::system_clock::duration pauses[] = {minutes(1), minutes(10), minutes(100), day, day};
    for (std::size_t n = 0; n < 5; ++n) {
        BOOST_TEST((attempts[n + 1] - attempts[n] >= pauses[n]));
        BOOST_TEST((attempts[n + 1] - attempts[n] <= pauses[n] * 6 / 5 + minutes(2)));
    }
    // The pause does not grow for ever, nor does it end at expiry.
    w.run_until([&] { return w.clock->now() > first->not_after() + 3 * day; });
    BOOST_TEST((w.manager->credentials()->find("a.example.com") == first));
    w.validation_error.reset();
    const auto back = w.clock->now();
    w.run_until([&] { return w.manager->credentials()->find("a.example.com") != first; });
    BOOST_TEST((w.clock->now() - back <= day * 6 / 5));
    BOOST_TEST(w.told<certificate_obtained>().back().refresh);
}

BOOST_AUTO_TEST_CASE(a_ca_that_is_down_for_months_is_asked_within_the_hour_when_it_is_back)
{
    world w;
    const auto first = w.get("a.example.com");
    w.network->decide = [](std::size_t, const https_request&) { return scripted_transport::fate::lose_request; };
    w.run_until([&] { return w.clock->now() > first->not_after() + day; });
    BOOST_TEST((w.manager->credentials()->find("a.example.com") == first));
    w.network->decide = {};
    const auto back = w.clock->now();
    w.run_until([&] { return w.manager->credentials()->find("a.example.com") != first; });
    BOOST_TEST((w.clock->now() - back <= minutes(75)));
}

BOOST_AUTO_TEST_CASE(a_refresh_that_succeeds_at_last_starts_the_count_anew)
{
    world w;
    w.get("a.example.com");
    w.validation_error = "no route to host";
    w.run_until([&] { return w.told<issuance_failed>().size() == 3; });
    w.validation_error.reset();
    w.run_until([&] { return w.told<certificate_obtained>().size() == 2; });
    w.validation_error = "no route to host";
    w.run_until([&] { return w.told<issuance_failed>().size() == 4; });
    const auto again = w.told<issuance_failed>()[3].error.retry().not_before;
    BOOST_TEST((again - w.clock->now() <= minutes(2)));
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_set_ahead_is_noticed_within_the_hour)
{
    world w;
    const auto first = w.get("a.example.com");
    w.settle();
    const auto before = w.clock->elapsed();
    w.clock->set(w.clock->now() + 70 * day);
    w.run_until([&] { return w.orders() == 2; });
    BOOST_TEST((w.clock->elapsed() - before <= hours(1) + minutes(1)));
    w.run_until([&] { return w.manager->credentials()->find("a.example.com") != first; });
}

BOOST_AUTO_TEST_CASE(a_rejected_certificate_is_not_served_nor_asked_for_again_at_once)
{
    world w;
    const auto first = w.get("a.example.com");
    w.ca.state().options.on_issue = [](leaf_contents& leaf) { leaf.names.push_back("bank.example.com"); };
    w.run_until([&] { return w.told<issuance_failed>().size() == 1; });
    BOOST_TEST((w.told<issuance_failed>()[0].error.code() == errc::certificate_rejected));
    BOOST_TEST((w.manager->credentials()->find("a.example.com") == first));
    BOOST_TEST(!w.manager->credentials()->find("bank.example.com"));
    w.pass(hours(20));
    BOOST_TEST(w.orders() == 2U);
    w.ca.state().options.on_issue = {};
    w.run_until([&] { return w.manager->credentials()->find("a.example.com") != first; });
    BOOST_TEST(w.orders() == 3U);
}

BOOST_AUTO_TEST_CASE(an_event_sink_that_throws_disturbs_nothing)
{
    unsigned told = 0;
    world w([&](config& c) {
        c.on_event = [&](const event&) {
            ++told;
            throw std::runtime_error("on purpose");
        };
    });
    BOOST_TEST(w.get("a.example.com"));
    w.manager->validation_answered("a.example.com", "tls-alpn-01");
    w.run_until([&] { return w.orders() == 2; });
    w.validation_error = "no route to host";
    BOOST_TEST((w.refusal("b.example.com").code() == errc::authorization_invalid));
    BOOST_TEST(told >= 4U);
}

BOOST_AUTO_TEST_CASE(an_answered_validation_is_told)
{
    world w;
    w.manager->validation_answered("a.example.com", "tls-alpn-01");
    w.settle();
    BOOST_REQUIRE(w.told<validation_answered>().size() == 1U);
    BOOST_TEST(w.told<validation_answered>()[0].host == "a.example.com");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
