#include "manager/weather.hpp"

#include <boost/test/unit_test.hpp>

/// The machine's clock is set; the CA's, and the world's, goes on as ever.
namespace acme::test {
namespace {

constexpr int hosts = 50;

struct set_clock : weather
{
    set_clock()
        : weather([](config& c) { c.limits.requests = rate(20, seconds(60)); })
    {
        ca.state().options.renewal_retry_after = "86400";
        obtain(hosts);
    }

    // Lets that much time pass; how many hosts are served what has expired at any look.
    int expired_while_passing(hours d)
    {
        int expired = 0;
        for (const auto end = right_time() + d; right_time() < end;) {
            pass(hours(6));
            for (int n = 0; n < hosts; ++n)
                expired += served(host_number(n))->not_after() <= right_time() ? 1 : 0;
        }
        return expired;
    }
    void set_by(hours d) { clock->set(clock->now() + d); }
    void set_right() { clock->set(right_time()); }

    // By the right clock: never more than a full bucket and what it gains.
    void check_pace() const
    {
        for (std::size_t i = 0; i + 21 < asked.size(); ++i)
            BOOST_TEST((asked[i + 21].when - asked[i].when >= seconds(59)));
    }
};

BOOST_AUTO_TEST_SUITE(clock_jumps)

BOOST_FIXTURE_TEST_CASE(forty_days_ahead_for_a_day, set_clock)
{
    pass(30 * day);
    set_by(40 * day);
    BOOST_TEST(expired_while_passing(day) == 0);
    set_right();
    BOOST_TEST(expired_while_passing(120 * day) == 0);
    // Each is refreshed early once, and then twice at its time.
    BOOST_TEST(asked.size() <= std::size_t(4 * hosts));
    check_pace();
}

BOOST_FIXTURE_TEST_CASE(forty_days_back_for_a_day, set_clock)
{
    pass(59 * day);
    set_by(-40 * day);
    BOOST_TEST(expired_while_passing(day) == 0);
    set_right();
    BOOST_TEST(expired_while_passing(100 * day) == 0);
    BOOST_TEST(asked.size() <= std::size_t(4 * hosts));
    check_pace();
}

BOOST_FIXTURE_TEST_CASE(back_and_forth_each_day_for_a_month, set_clock)
{
    for (int n = 0; n < 30; ++n) {
        set_by(n % 2 == 0 ? 40 * day : -40 * day);
        BOOST_TEST(expired_while_passing(day) == 0);
    }
    set_right();
    BOOST_TEST(expired_while_passing(90 * day) == 0);
    BOOST_TEST(asked.size() <= std::size_t(6 * hosts));
    check_pace();
}

BOOST_FIXTURE_TEST_CASE(what_failed_while_it_was_ahead_is_tried_again_when_it_is_right, set_clock)
{
    pass(25 * day);
    set_by(40 * day);
    refuse = [](const wanted_order&) { return problem_answer(400, "rejectedIdentifier", "as the test wants it"); };
    pass(3 * day);
    set_right();
    refuse = {};
    BOOST_TEST(expired_while_passing(90 * day) == 0);
    check_pace();
}

BOOST_FIXTURE_TEST_CASE(a_limit_met_while_it_was_ahead_ends_when_it_is_right, set_clock)
{
    pass(50 * day);
    set_by(40 * day);
    refuse = [](const wanted_order&) {
        return rate_limited("too many new orders (300) from this account in the last 3h0m0s", hours(3));
    };
    pass(hours(2));
    BOOST_TEST((refusal("new.example.com").code() == errc::rate_limited));
    set_right();
    refuse = {};
    pass(hours(4));
    BOOST_TEST(get("new.example.com"));
    BOOST_TEST(expired_while_passing(45 * day) == 0);
}

BOOST_AUTO_TEST_CASE(a_new_host_that_failed_while_it_was_ahead_is_not_refused_for_forty_days)
{
    weather w;
    w.use_disk();
    w.clock->set(w.clock->now() + 40 * day);
    w.validation_error = "no route to host";
    w.refusal("a.example.com");
    w.settle();
    w.clock->set(w.right_time());
    w.validation_error.reset();
    const auto state = w.manager->marshal();
    w.manager.reset();
    restarted again(w);
    BOOST_TEST(again.get("a.example.com"));
}

BOOST_AUTO_TEST_CASE(an_account_refused_while_it_was_ahead_is_asked_for_again)
{
    weather w;
    w.clock->set(w.clock->now() + 40 * day);
    w.network->decide = [](std::size_t, const https_request&) { return scripted_transport::fate::lose_request; };
    w.refusal("a.example.com");
    w.network->decide = {};
    w.clock->set(w.right_time());
    w.pass(hours(2));
    BOOST_TEST(w.get("b.example.com"));
}

BOOST_AUTO_TEST_CASE(short_lived_certificates_survive_an_hour_ahead_and_back)
{
    weather w;
    w.ca.state().options.lifetime = hours(24 * 6);
    w.ca.state().options.renewal_info = false;
    const std::string host = "a.example.com";
    w.get(host);
    int expired = 0;
    for (int n = 0; n < 40; ++n) {
        w.clock->set(w.clock->now() + (n % 2 == 0 ? hours(30) : hours(-30)));
        w.pass(hours(12));
        expired += w.served(host)->not_after() <= w.right_time() ? 1 : 0;
    }
    BOOST_TEST(expired == 0);
    BOOST_TEST(w.asked.size() <= 20U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
