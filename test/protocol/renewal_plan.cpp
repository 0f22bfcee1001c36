#include "protocol/renewal_plan.hpp"

#include "protocol/limit.hpp"

#include <acme/renewal.hpp>

#include <boost/test/unit_test.hpp>

#include <limits>

using namespace acme;
using namespace std::chrono_literals;
using std::chrono::duration_cast;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

const time_point issued(1'800'000'000s);
constexpr auto most = std::numeric_limits<std::uint64_t>::max();
constexpr auto half = most / 2;
const validity ninety_days(issued, issued + 90 * 24h);
const validity six_days(issued, issued + 160h);
const validity one_hour(issued, issued + 1h);

renewal_plan fresh(const validity& v, bool pollable = true)
{
    return plan_renewal(v, pollable, std::nullopt, v.not_before, 0);
}

renewal_info window(time_point start, time_point end, std::optional<seconds> retry_after = 6h)
{
    renewal_info info;
    info.start = start;
    info.end = end;
    info.retry_after = retry_after;
    return info;
}

problem refused_with(std::string type, unsigned status, std::optional<time_point> retry_after = {})
{
    problem p;
    p.type = "urn:ietf:params:acme:error:" + type;
    p.status = status;
    p.retry_after = retry_after;
    return p;
}

time_point after_failure(const validity& v, time_point now, errc code, const std::optional<problem>& p = {},
    unsigned earlier = 0, std::uint64_t random = 0)
{
    auto plan = fresh(v);
    plan.failures = earlier;
    refresh_failed(plan, v, make_error_code(code), p, now, random);
    BOOST_TEST(plan.failures == earlier + 1);
    return plan.retry_at;
}

} // namespace

BOOST_AUTO_TEST_SUITE(renewal_plans)

BOOST_AUTO_TEST_CASE(a_fresh_certificate_is_planned_by_its_lifetime_and_asked_about_at_once)
{
    for (const auto& v : {ninety_days, six_days, one_hour}) {
        const auto plan = fresh(v);
        BOOST_TEST((plan.refresh_at == refresh_time(v.not_before, v.not_after, 0)));
        BOOST_TEST((plan.poll_at == issued));
        BOOST_TEST((next_step(plan, issued) == issued));
        BOOST_TEST((refresh_due(plan, issued) == plan.refresh_at));
    }
    const auto silent = fresh(ninety_days, false);
    BOOST_TEST((silent.poll_at == time_point::max()));
    BOOST_TEST((next_step(silent, issued) == silent.refresh_at));
}

BOOST_AUTO_TEST_CASE(a_certificate_that_ends_at_once_is_not_refreshed_at_once)
{
    const validity ten_seconds(issued, issued + 10s);
    BOOST_TEST((fresh(ten_seconds).refresh_at == issued + 1min));
}

BOOST_AUTO_TEST_CASE(a_window_decides_the_moment_by_chance)
{
    const auto start = issued + 50 * 24h, end = issued + 52 * 24h;
    for (const auto& [random, hours] : {std::pair(std::uint64_t(0), 0h), std::pair(half, 24h), std::pair(most, 48h)}) {
        auto plan = fresh(ninety_days);
        BOOST_TEST(take_window(plan, ninety_days, window(start, end), issued, random));
        BOOST_TEST((abs(plan.refresh_at - (start + hours)) < 1s));
        BOOST_TEST((plan.refresh_at < end));
    }
}

BOOST_AUTO_TEST_CASE(the_moment_stays_until_the_window_moves)
{
    auto plan = fresh(ninety_days);
    const auto info = window(issued + 50 * 24h, issued + 52 * 24h);
    BOOST_TEST(take_window(plan, ninety_days, info, issued, half));
    const auto chosen = plan.refresh_at;
    BOOST_TEST(!take_window(plan, ninety_days, info, issued + 6h, most));
    BOOST_TEST((plan.refresh_at == chosen));
    BOOST_TEST((plan.poll_at == issued + 12h));
    BOOST_TEST(take_window(plan, ninety_days, window(issued, issued + 1h), issued + 12h, half));
    BOOST_TEST((abs(plan.refresh_at - (issued + 30min)) < 1s));
    BOOST_TEST((refresh_due(plan, issued + 12h) < issued + 12h));
}

BOOST_AUTO_TEST_CASE(absurd_windows_are_bounded)
{
    const auto latest = issued + 75 * 24h;
    const struct
    {
        time_point start, end, earliest, last;
    } table[] = {
        {time_point::min(), time_point::max(), issued, latest},
        {time_point::min(), time_point::min() + 1s, issued, issued},
        {time_point::max() - 1s, time_point::max(), latest, latest},
        {issued + 89 * 24h, issued + 91 * 24h, latest, latest},
        {issued + 100 * 24h, issued + 101 * 24h, latest, latest},
        {issued - 2h, issued - 1h, issued, issued},
    };
    for (const auto& row : table)
        for (const auto random : {std::uint64_t(0), half, most}) {
            auto plan = fresh(ninety_days);
            take_window(plan, ninety_days, window(row.start, row.end), issued, random);
            BOOST_TEST((plan.refresh_at >= row.earliest && plan.refresh_at <= row.last));
        }
}

BOOST_AUTO_TEST_CASE(the_next_poll_is_when_the_ca_says_within_reason)
{
    const std::pair<std::optional<seconds>, seconds> table[] = {
        {std::nullopt, 6h}, {0s, 60s}, {-5s, 60s}, {61s, 61s}, {6h, 6h}, {24h, 24h}, {48h, 24h}, {seconds::max(), 24h}};
    for (const auto& [wish, pause] : table) {
        auto plan = fresh(ninety_days);
        take_window(plan, ninety_days, window(issued, issued + 1h, wish), issued, 0);
        BOOST_TEST((plan.poll_at == issued + pause));
    }
}

BOOST_AUTO_TEST_CASE(polls_that_fail_change_nothing_but_the_next_poll)
{
    const std::optional<problem> in_trouble = refused_with("serverInternal", 500);
    const std::optional<problem> unknown = refused_with("malformed", 404);
    auto plan = fresh(ninety_days);
    take_window(plan, ninety_days, window(issued + 50 * 24h, issued + 52 * 24h), issued, half);
    const auto chosen = plan.refresh_at;
    const minutes table[] = {1min, 2min, 4min, 8min, 16min, 32min, 64min, 128min, 256min, 360min, 360min};
    for (const auto pause : table) {
        poll_failed(plan, make_error_code(errc::server_internal), in_trouble, issued, 0);
        BOOST_TEST((plan.poll_at == issued + pause));
    }
    BOOST_TEST((plan.refresh_at == chosen));
    take_silence(plan, ninety_days, issued, 0);
    poll_failed(plan, make_error_code(errc::malformed), unknown, issued, 0);
    BOOST_TEST((plan.poll_at == issued + 6h));
    poll_failed(plan, make_error_code(errc::rate_limited), refused_with("rateLimited", 429, issued + 20h), issued, 0);
    BOOST_TEST((plan.poll_at == issued + 20h));
}

BOOST_AUTO_TEST_CASE(a_ca_that_stops_suggesting_is_not_followed_any_longer)
{
    auto plan = fresh(ninety_days);
    take_window(plan, ninety_days, window(issued + 10 * 24h, issued + 11 * 24h), issued, half);
    take_silence(plan, ninety_days, issued + 6h, 0);
    BOOST_TEST((plan.refresh_at == refresh_time(ninety_days.not_before, ninety_days.not_after, 0)));
    BOOST_TEST(!plan.window);
    BOOST_TEST((plan.poll_at == issued + 30h));
}

BOOST_AUTO_TEST_CASE(failures_pause_as_disposition_says_while_there_is_time)
{
    const auto now = issued + 60 * 24h;
    BOOST_TEST((after_failure(ninety_days, now, errc::server_internal) == now + 30s));
    BOOST_TEST((after_failure(ninety_days, now, errc::authorization_invalid, {}, 3) == now + 24h));
    BOOST_TEST((after_failure(ninety_days, now, errc::rejected_identifier) == now + 24h));
    BOOST_TEST((after_failure(ninety_days, now, errc::already_replaced) == now + 10s));
}

BOOST_AUTO_TEST_CASE(pauses_shrink_towards_the_end_and_attempts_go_on_past_it)
{
    const auto daily = [](const validity& v, time_point now) {
        return after_failure(v, now, errc::authorization_invalid, {}, 10) - now;
    };
    BOOST_TEST((daily(ninety_days, ninety_days.not_after - 6h) == 2h));
    BOOST_TEST((daily(ninety_days, ninety_days.not_after - 2h) == 1h));
    BOOST_TEST((daily(ninety_days, ninety_days.not_after + 1s) == 24h));
    BOOST_TEST((daily(six_days, six_days.not_after - 9h) == 3h));
    BOOST_TEST((daily(one_hour, one_hour.not_after - 15min) == 10min));
}

BOOST_AUTO_TEST_CASE(what_the_ca_asks_for_is_never_cut)
{
    const auto now = ninety_days.not_after - 2h;
    const auto limited = refused_with("rateLimited", 429, now + 30h);
    BOOST_TEST((after_failure(ninety_days, now, errc::rate_limited, limited) == now + 30h));
    // Without a time the account is paused until somebody visits a page.
    BOOST_TEST((after_failure(ninety_days, now, errc::rate_limited, refused_with("rateLimited", 429)) == now + 24h));
    BOOST_TEST((after_failure(ninety_days, now, errc::certificate_rejected) == now + 24h));
}

BOOST_AUTO_TEST_CASE(a_pause_ends_when_the_clock_is_set_back)
{
    auto plan = fresh(ninety_days);
    const auto wrong = issued + 80 * 24h;
    refresh_failed(plan, ninety_days, make_error_code(errc::authorization_invalid), {}, wrong, 0);
    BOOST_TEST((refresh_due(plan, wrong) == plan.retry_at));
    BOOST_TEST((refresh_due(plan, wrong - 1min) == plan.retry_at), "clocks of several machines differ a little");
    BOOST_TEST((refresh_due(plan, issued + 61 * 24h) == plan.refresh_at));
    plan.poll_at = wrong + 6h;
    plan.polled_at = wrong;
    BOOST_TEST((next_step(plan, issued + 24h) == issued + 24h));
}

BOOST_AUTO_TEST_CASE(a_ca_that_always_wants_a_new_certificate_gets_ever_fewer_orders)
{
    auto now = issued;
    std::optional<replaced_certificate> earlier;
    seconds last{0};
    for (int n = 0; n < 20; ++n) {
        const validity v(now - 1h, now + 90 * 24h);
        auto plan = plan_renewal(v, true, earlier, now, 0);
        take_window(plan, v, window(now - 2h, now - 1h), now, half);
        const auto wait = duration_cast<seconds>(refresh_due(plan, now) - now);
        BOOST_TEST((n == 0 || wait >= last || wait == 24h), n << ": " << wait.count());
        BOOST_TEST((n < 8 || wait == 24h), n << ": " << wait.count());
        last = std::max(wait, 0s);
        earlier.emplace(v, plan.hurried);
        now += std::max(wait, 1s);
    }
    // One that lived long enough starts afresh.
    const validity old(now - 30 * 24h, now + 60 * 24h);
    BOOST_TEST(plan_renewal(ninety_days, true, replaced_certificate(old, 7), now, 0).hurried == 0U);
}

BOOST_AUTO_TEST_CASE(polls_after_a_restart_are_spread_and_do_not_come_at_once)
{
    auto plan = fresh(ninety_days);
    resume_polls(plan, issued, 0);
    BOOST_TEST((plan.poll_at == issued + 10min));
    resume_polls(plan, issued, most);
    BOOST_TEST((plan.poll_at > issued + 359min && plan.poll_at <= issued + 6h));
}

BOOST_AUTO_TEST_CASE(what_the_ca_wants_back_is_more_urgent_than_what_ends)
{
    auto plan = fresh(ninety_days);
    BOOST_TEST((urgency(plan, ninety_days, issued) == ninety_days.not_after));
    plan.window.emplace(issued, issued + 1h);
    BOOST_TEST((urgency(plan, ninety_days, issued) == ninety_days.not_after));
    BOOST_TEST((urgency(plan, ninety_days, issued + 1h) == issued + 1h));
}

BOOST_AUTO_TEST_SUITE_END()
