#include "manager/weather.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>

/// What is tried again, when, and whom it holds back.
namespace acme::test {
namespace {

const std::string host = "a.example.com";

// As Boulder, Let's Encrypt's server, says it.
const char* const account_limit = "too many new orders (300) from this account in the last 3h0m0s, retry after "
                                  "2026-06-01 03:00:00 UTC: see https://letsencrypt.org/docs/rate-limits/";
const char* const domain_limit =
    "too many certificates (50) already issued for \"example.com\" in the last 168h0m0s, retry after 2026-06-02";
const char* const exact_set_limit =
    "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s";
const char* const host_limit = "too many failed authorizations (5) for \"a.example.com\" in the last 1h0m0s";

void limit_orders(weather& w, std::string detail, seconds retry_after)
{
    w.refuse = [detail, retry_after](const wanted_order&) { return rate_limited(detail, retry_after); };
}

std::vector<std::chrono::system_clock::time_point> attempts(climate& c, std::string_view name)
{
    std::vector<std::chrono::system_clock::time_point> all;
    for (const auto& o : c.asked)
        if (o.host == name)
            all.push_back(o.when);
    return all;
}

BOOST_AUTO_TEST_SUITE(retries)

BOOST_AUTO_TEST_CASE(a_limit_of_the_account_holds_back_every_host_and_for_as_long_as_it_says)
{
    weather w;
    limit_orders(w, account_limit, hours(3));
    const auto until = w.right_time() + hours(3);
    BOOST_TEST((w.refusal(host).code() == errc::rate_limited));
    const auto refused = w.refusal("b.example.net");
    BOOST_TEST((refused.code() == errc::rate_limited));
    BOOST_TEST((refused.retry().when == retry_advice::kind::at));
    BOOST_TEST((refused.retry().not_before >= until - seconds(1)));
    BOOST_TEST((refused.retry().not_before <= until + minutes(40)));
    BOOST_TEST(w.asked.size() == 1U);
    w.refuse = {};
    w.pass(hours(3) + minutes(37));
    BOOST_TEST(w.get("b.example.net"));
    BOOST_TEST(w.get(host));
}

BOOST_AUTO_TEST_CASE(a_limit_of_a_registered_domain_holds_back_its_hosts_only)
{
    weather w;
    limit_orders(w, domain_limit, hours(30));
    BOOST_TEST((w.refusal(host).code() == errc::rate_limited));
    w.refuse = {};
    for (const auto* other : {"b.example.com", "example.com", "deep.down.example.com"})
        BOOST_TEST((w.refusal(other).code() == errc::rate_limited), other);
    BOOST_TEST(w.asked.size() == 1U);
    for (const auto* other : {"b.example.net", "notexample.com", "example.com.example.org"})
        BOOST_TEST(w.get(other), other);
}

BOOST_AUTO_TEST_CASE(limits_of_a_set_or_of_a_host_hold_back_nobody_else)
{
    for (const auto* detail : {exact_set_limit, host_limit, "slow down"}) {
        weather w;
        limit_orders(w, detail, hours(30));
        const auto e = w.refusal(host);
        BOOST_TEST((e.code() == errc::rate_limited));
        BOOST_TEST((e.retry().not_before >= w.right_time() + hours(30) - seconds(1)));
        w.refuse = {};
        BOOST_TEST(w.get("b.example.com"), detail);
        BOOST_TEST((w.refusal(host).code() == errc::recently_failed));
        w.pass(hours(29));
        BOOST_TEST((w.refusal(host).code() == errc::recently_failed));
        w.pass(hours(8));
        BOOST_TEST(w.get(host), detail);
    }
}

BOOST_AUTO_TEST_CASE(a_limit_survives_a_restart)
{
    weather w;
    w.use_disk();
    limit_orders(w, account_limit, hours(3));
    w.refusal(host);
    w.settle();
    w.manager.reset();
    w.refuse = {};
    restarted again(w);
    BOOST_TEST((again.refusal("b.example.net").code() == errc::rate_limited));
    BOOST_TEST((again.refusal(host).code() == errc::recently_failed));
    BOOST_TEST(w.asked.size() == 1U);
    again.pass(hours(4));
    BOOST_TEST(again.get("b.example.net"));
    BOOST_TEST(again.get(host));
}

BOOST_AUTO_TEST_CASE(a_limit_postpones_the_refreshes_that_it_is_about)
{
    weather w;
    w.ca.state().options.renewal_info = false;
    w.obtain(10);
    w.get("x.example.net");
    std::chrono::system_clock::time_point first{};
    w.refuse = [&](const wanted_order& o) -> std::optional<https_response> {
        if (!o.host.ends_with(".example.com"))
            return std::nullopt;
        if (first.time_since_epoch().count() == 0)
            first = o.when;
        if (o.when >= first + hours(30))
            return std::nullopt;
        return rate_limited(domain_limit, hours(30));
    };
    w.run_until([&] { return w.told<certificate_obtained>().size() == 22; });
    std::size_t refused = 0;
    for (const auto& o : w.asked)
        refused += o.host.ends_with(".example.com") && o.when >= first && o.when < first + hours(30) ? 1 : 0;
    // Those which were under way when the limit was met.
    BOOST_TEST(refused <= 10U);
    BOOST_TEST((w.right_time() < first + hours(37)));
    BOOST_TEST(attempts(w, "x.example.net").size() == 2U);
}

BOOST_AUTO_TEST_CASE(hosts_in_line_for_a_token_are_held_back_as_well)
{
    weather w([](config& c) { c.limits.requests = rate(1, seconds(60)); });
    limit_orders(w, account_limit, hours(3));
    std::vector<outcome_ptr> callers;
    for (int n = 0; n < 5; ++n)
        callers.push_back(w.ask(host_number(n)));
    for (auto& caller : callers) {
        const auto e = w.wait_refused(caller);
        BOOST_TEST((e.code() == errc::rate_limited));
        BOOST_TEST((e.retry().not_before <= w.right_time() + hours(4)));
    }
    BOOST_TEST(w.asked.size() == 1U);
    w.refuse = {};
    w.pass(hours(4));
    for (int n = 0; n < 5; ++n)
        BOOST_TEST(w.get(host_number(n)));
}

BOOST_AUTO_TEST_CASE(a_failing_host_never_delays_another)
{
    weather w([](config& c) { c.limits.requests = rate(20, seconds(60)); });
    w.ca.state().options.renewal_info = false;
    w.obtain(15);
    const auto first = w.served(host_number(7));
    w.refuse = [](const wanted_order& o) -> std::optional<https_response> {
        if (o.host != host_number(7))
            return std::nullopt;
        return problem_answer(500, "serverInternal", "as the test wants it");
    };
    w.pass(61 * day);
    for (int n = 0; n < 15; ++n)
        BOOST_TEST(w.issued(host_number(n)) == (n == 7 ? 1U : 2U));
    BOOST_TEST((w.served(host_number(7)) == first));
    BOOST_TEST(w.asked_for(host_number(7)) > 5U);
}

BOOST_AUTO_TEST_CASE(a_host_whose_order_hangs_never_delays_another)
{
    weather w;
    w.ca.state().options.renewal_info = false;
    w.obtain(5);
    w.network->decide = [&](std::size_t, const https_request& r) {
        const bool about_it = r.url.ends_with("/new-order") && w.asked_for(host_number(3)) < 2;
        return about_it && w.asked.size() == 5 ? scripted_transport::fate::hang : scripted_transport::fate::deliver;
    };
    w.run_until([&] { return w.told<certificate_obtained>().size() == 10; });
    BOOST_TEST((w.right_time() < w.served(host_number(0))->not_before() + 61 * day));
}

BOOST_AUTO_TEST_CASE(a_refresh_is_tried_until_and_past_expiry)
{
    const auto refusals = {problem_answer(503, "serverInternal", "as the test wants it"),
        problem_answer(403, "unauthorized", "as the test wants it"),
        problem_answer(400, "rejectedIdentifier", "as the test wants it")};
    for (const auto& answer : refusals) {
        weather w;
        const auto first = w.get(host);
        w.pass(50 * day);
        w.refuse = [&](const wanted_order&) { return answer; };
        w.pass_until(first->not_after() + 5 * day);
        const auto all = attempts(w, host);
        const auto within = [&](auto from, auto to) {
            return std::count_if(all.begin(), all.end(), [&](auto t) { return t >= from && t < to; });
        };
        const auto end = first->not_after();
        BOOST_TEST(within(end - day, end) >= 2, answer.body);
        BOOST_TEST(within(end - day, end) <= 50, answer.body);
        BOOST_TEST(within(end, end + 5 * day) >= 3, answer.body);
        BOOST_TEST(all.size() <= 1500U, answer.body);
        BOOST_TEST((w.served(host) == first));
        w.refuse = {};
        const auto back = w.right_time();
        w.run_until([&] { return w.replaced(first, host); });
        BOOST_TEST((w.right_time() - back <= 30 * hours(1)), answer.body);
    }
}

BOOST_AUTO_TEST_CASE(what_only_a_change_can_cure_is_tried_daily)
{
    weather w;
    const auto first = w.get(host);
    w.refuse = [](const wanted_order&) { return problem_answer(400, "rejectedIdentifier", "as the test wants it"); };
    w.run_until([&] { return w.asked.size() == 6; });
    const auto all = attempts(w, host);
    for (std::size_t i = 2; i < all.size(); ++i) {
        BOOST_TEST((all[i] - all[i - 1] >= hours(23)));
        BOOST_TEST((all[i] - all[i - 1] <= hours(30)));
    }
    BOOST_TEST((w.served(host) == first));
}

BOOST_AUTO_TEST_CASE(a_failing_refresh_goes_on_after_a_restart_where_it_was)
{
    weather w;
    w.use_disk();
    w.get(host);
    w.refuse = [](const wanted_order&) { return problem_answer(403, "unauthorized", "as the test wants it"); };
    w.run_until([&] { return w.told<issuance_failed>().size() == 3; });
    const auto next = w.told<issuance_failed>()[2].error.retry().not_before;
    w.settle();
    w.manager.reset();
    const auto asked = w.asked.size();
    restarted again(w);
    again.run_until([&] { return w.asked.size() > asked; });
    BOOST_TEST((w.right_time() >= next - seconds(1)));
    BOOST_TEST((w.right_time() <= next + minutes(2)));
    again.run_until([&] { return again.told<issuance_failed>().size() == 1; });
    BOOST_TEST((again.told<issuance_failed>()[0].error.retry().not_before - w.right_time() >= hours(20)));
}

BOOST_AUTO_TEST_CASE(the_memory_of_failures_survives_a_restart)
{
    weather w;
    w.use_disk();
    w.validation_error = "no route to host";
    w.refusal(host);
    w.pass(minutes(2));
    w.refusal(host);
    w.settle();
    w.manager.reset();
    w.validation_error.reset();
    const auto asked = w.asked.size();
    restarted again(w);
    const auto e = again.refusal(host);
    BOOST_TEST((e.code() == errc::recently_failed));
    BOOST_TEST(e.explanation().find("no route to host") != std::string::npos);
    BOOST_TEST((e.retry().not_before > w.right_time() + minutes(5)));
    BOOST_TEST(w.asked.size() == asked);
    again.pass(minutes(15));
    BOOST_TEST(again.get(host));
}

void scarce(config& c)
{
    c.limits.requests = rate(3, hours(1));
    c.limits.new_hosts = rate(4, hours(10));
}

BOOST_AUTO_TEST_CASE(tokens_survive_a_restart)
{
    weather w(scarce);
    w.use_disk();
    w.obtain(3);
    w.settle();
    w.manager.reset();
    config options = w.options();
    scarce(options);
    restarted again(w, options);
    const auto before = w.right_time();
    again.get(host_number(3));
    BOOST_TEST((w.right_time() - before >= minutes(59)));
    BOOST_TEST((again.refusal(host_number(4)).code() == errc::too_many_new_hosts));
}

BOOST_AUTO_TEST_CASE(a_token_is_on_the_disk_before_the_order_is_sent)
{
    weather w(scarce);
    w.use_disk();
    std::size_t saves_before = 0;
    w.refuse = [&](const wanted_order&) -> std::optional<https_response> {
        for (const auto& o : w.disk->operations())
            saves_before += o.operation == operation::save && o.key.ends_with("/limits") ? 1 : 0;
        return std::nullopt;
    };
    w.get(host);
    BOOST_TEST(saves_before >= 1U);
}

BOOST_AUTO_TEST_CASE(a_token_comes_back_when_the_ca_could_not_be_reached)
{
    weather w([](config& c) { c.limits.requests = rate(2, hours(1000)); });
    w.network->decide = [](std::size_t, const https_request&) { return scripted_transport::fate::lose_request; };
    for (int n = 0; n < 5; ++n)
        w.refusal(host_number(n));
    w.network->decide = {};
    const auto before = w.right_time();
    w.pass(hours(1));
    BOOST_TEST(w.get(host));
    BOOST_TEST(w.get("b.example.com"));
    BOOST_TEST((w.right_time() - before < hours(2)));
    // An outage when the account is there already.
    w.pass(hours(2));
    w.network->decide = [](std::size_t, const https_request&) { return scripted_transport::fate::lose_request; };
    const auto third = w.ask("c.example.com");
    w.run_until([&] { return third->done || w.right_time() > before + hours(1100); });
    BOOST_TEST((third->code() == boost::asio::error::connection_reset));
    w.network->decide = {};
    w.pass(hours(1));
    w.pass_until(before + hours(1150));
    BOOST_TEST(w.get("d.example.com"));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
