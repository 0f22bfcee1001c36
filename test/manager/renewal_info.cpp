#include "manager/weather.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

/// When the CA says that a certificate is to be replaced (RFC 9773).
namespace acme::test {
namespace {

const std::string host = "a.example.com";

std::vector<std::chrono::system_clock::time_point> poll_times(weather& w, std::size_t n)
{
    std::vector<std::chrono::system_clock::time_point> times;
    w.run_until([&] {
        while (times.size() < w.polls())
            times.push_back(w.right_time());
        return times.size() >= n;
    });
    return times;
}

BOOST_AUTO_TEST_SUITE(renewal_information)

BOOST_AUTO_TEST_CASE(the_ca_is_asked_right_after_the_issuance)
{
    weather w;
    w.get(host);
    w.settle();
    BOOST_TEST(w.polls() == 1U);
    BOOST_REQUIRE(w.told<renewal_suggested>().size() == 1U);
    const auto told = w.told<renewal_suggested>()[0];
    BOOST_TEST(told.host == host);
    BOOST_TEST((told.start <= told.refresh_at && told.refresh_at <= told.end));
}

BOOST_AUTO_TEST_CASE(a_window_leads_to_a_refresh_within_it_that_says_what_it_replaces)
{
    weather w;
    const auto start = w.right_time() + 10 * day;
    w.set_window(start, start + 2 * day);
    const auto first = w.get(host);
    w.run_until([&] { return w.asked.size() == 2; });
    BOOST_TEST((w.right_time() >= start));
    BOOST_TEST((w.right_time() <= start + 2 * day));
    BOOST_TEST(w.asked[0].replaces == "");
    BOOST_TEST(w.asked[1].replaces == first->renewal_id());
    w.run_until([&] { return w.replaced(first, host); });
    BOOST_TEST(w.told<certificate_obtained>().back().refresh);
}

BOOST_AUTO_TEST_CASE(a_high_bit_serial_is_named_as_the_ca_does)
{
    weather w;
    w.ca.state().options.on_issue = [](leaf_contents& leaf) { leaf.serial = "\x87\x01\x02\x03\xff\x05\x06\x07"; };
    w.get(host);
    w.settle();
    BOOST_TEST(w.told<renewal_suggested>().size() == 1U);
    BOOST_TEST(w.told<renewal_info_failed>().empty());
}

BOOST_AUTO_TEST_CASE(the_chosen_moment_is_kept_while_the_window_stays)
{
    std::uint64_t random = 1;
    weather w([&](config& c) { c.random = [&random] { return random *= 0x9E3779B97F4A7C15U; }; });
    w.use_disk();
    const auto start = w.right_time() + 20 * day;
    w.set_window(start, start + 10 * day);
    w.get(host);
    w.pass(5 * day);
    BOOST_TEST(w.polls() > 10U);
    BOOST_REQUIRE(w.told<renewal_suggested>().size() == 1U);
    const auto chosen = w.told<renewal_suggested>()[0].refresh_at;
    const auto state = w.manager->marshal();
    w.manager.reset();
    const auto asked = w.polls();
    {
        restarted again(w);
        again.pass(5 * day);
        BOOST_TEST(w.polls() > asked + 10);
        BOOST_TEST(again.told<renewal_suggested>().empty());
    }
    server_process moved(static_cast<surroundings&>(w));
    moved.patience = w.patience;
    moved.manager->unmarshal(state);
    moved.run_until([&] { return w.asked.size() == 2; });
    BOOST_TEST(moved.told<renewal_suggested>().empty());
    BOOST_TEST((w.right_time() >= chosen - seconds(1)));
    BOOST_TEST((w.right_time() <= chosen + minutes(1)));
}

// Boulder's windows have had nanoseconds.
BOOST_AUTO_TEST_CASE(a_window_with_fractions_of_a_second_is_the_same_after_a_restart)
{
    weather w;
    w.use_disk();
    const auto with_fractions = [](std::size_t, const https_request& r, https_response& a) {
        if (r.url.find("/renewal-info/") != std::string::npos)
            a.body = R"({"suggestedWindow":{"start":"2026-07-01T00:00:00.123456789Z",)"
                     R"("end":"2026-07-03T00:00:00.987654321Z"}})";
    };
    w.network->rewrite = with_fractions;
    w.get(host);
    w.pass(day);
    BOOST_REQUIRE(w.told<renewal_suggested>().size() == 1U);
    w.manager.reset();
    restarted again(w);
    again.pass(day);
    BOOST_TEST(again.told<renewal_suggested>().empty());
}

BOOST_AUTO_TEST_CASE(a_window_that_moves_into_the_past_means_now)
{
    weather w;
    const auto first = w.get(host);
    w.pass(3 * day);
    BOOST_TEST(w.asked.size() == 1U);
    testing::renewal_window past(w.right_time() - hours(2), w.right_time() - hours(1), "https://ca.test/why");
    w.ca.set_renewal_window(host, past);
    const auto moved = w.right_time();
    w.run_until([&] { return w.replaced(first, host); });
    BOOST_TEST((w.right_time() - moved <= hours(6) + minutes(1)));
    const auto told = w.told<renewal_suggested>();
    const auto explained =
        std::find_if(told.begin(), told.end(), [](auto& e) { return e.explanation_url == "https://ca.test/why"; });
    BOOST_REQUIRE((explained != told.end()));
    BOOST_TEST((explained->start == std::chrono::floor<seconds>(past.start)));
    BOOST_TEST(describe(*explained).find("https://ca.test/why") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_pause_between_polls_is_the_cas_between_a_minute_and_a_day)
{
    struct expected
    {
        std::string retry_after;
        seconds pause;
    };
    const expected all[] = {{"0", minutes(1)}, {"5", minutes(1)}, {"3600", hours(1)}, {"86400", day},
        {"2000000000000", day}, {"", hours(6)}, {"soon", hours(6)}, {"-7", hours(6)}};
    for (const auto& each : all) {
        weather w;
        w.ca.state().options.renewal_retry_after = each.retry_after;
        w.get(host);
        const auto times = poll_times(w, 3);
        BOOST_TEST((times[2] - times[1] >= each.pause), each.retry_after);
        BOOST_TEST((times[2] - times[1] <= each.pause + each.pause / 5 + seconds(1)), each.retry_after);
    }
}

BOOST_AUTO_TEST_CASE(trouble_from_the_first_never_stops_the_refresh)
{
    const fault all[] = {fault::http_error(404), fault::http_error(500), fault::garbage(),
        fault::garbage("application/json"), fault::reset_before(), fault::stall(), fault::truncated(),
        fault::oversized(), fault::rate_limited(hours(24 * 20)), fault::problem(400, "malformed")};
    for (const auto& each : all) {
        weather w;
        w.ca.inject(at(step::renewal_info).always(), each);
        const auto first = w.get(host);
        w.run_until([&] { return w.replaced(first, host); });
        const auto due = first->not_before() + (first->not_after() - first->not_before()) * 2 / 3;
        BOOST_TEST((w.right_time() >= due - hours(48)), each.name());
        BOOST_TEST((w.right_time() <= due + hours(2)), each.name());
        BOOST_TEST(!w.told<renewal_info_failed>().empty(), each.name());
        BOOST_TEST(w.polls() < 1000U, each.name());
        BOOST_TEST(w.asked[1].replaces == first->renewal_id(), each.name());
    }
}

// No network is up for ever; after trouble that passes the CA is asked again soon.
BOOST_AUTO_TEST_CASE(a_poll_that_the_network_lost_is_sent_again_soon)
{
    weather w;
    w.ca.inject(at(step::renewal_info), fault::reset_before());
    w.get(host);
    const auto times = poll_times(w, 2);
    BOOST_TEST((times[1] - times[0] <= minutes(3)));
}

BOOST_AUTO_TEST_CASE(an_answer_that_never_comes_stops_neither_the_refresh_nor_the_polls_of_others)
{
    weather w;
    unsigned stalled = 0;
    w.network->decide = [&](std::size_t, const https_request& r) {
        const bool poll = r.url.find("/renewal-info/") != std::string::npos;
        return poll && stalled++ < 1 ? scripted_transport::fate::hang : scripted_transport::fate::deliver;
    };
    const auto first = w.get(host);
    w.run_until([&] { return w.replaced(first, host); });
    const auto end = first->not_after();
    BOOST_TEST((w.right_time() < end - 20 * day));
}

BOOST_AUTO_TEST_CASE(a_refused_replacement_is_ordered_without_saying_so)
{
    for (const unsigned status : {409U, 404U, 500U, 403U, 400U}) {
        weather w;
        w.refuse = [&](const wanted_order& o) -> std::optional<https_response> {
            if (o.replaces.empty())
                return std::nullopt;
            const auto* type = status == 409 ? "alreadyReplaced" : status == 500 ? "serverInternal" : "malformed";
            return problem_answer(status, type, "as the test wants it");
        };
        const auto first = w.get(host);
        w.run_until([&] { return w.replaced(first, host); });
        BOOST_REQUIRE(w.asked.size() == 3U);
        BOOST_TEST(w.asked[1].replaces == first->renewal_id());
        BOOST_TEST(w.asked[2].replaces == "");
        BOOST_TEST((w.asked[2].when - w.asked[1].when < minutes(1)));
        BOOST_TEST(w.told<issuance_failed>().empty(), status);
    }
}

BOOST_AUTO_TEST_CASE(a_ca_without_renewal_information_hears_of_none)
{
    weather w;
    w.ca.state().options.renewal_info = false;
    const auto first = w.get(host);
    w.run_until([&] { return w.replaced(first, host); });
    BOOST_TEST(w.asked[1].replaces == "");
    BOOST_TEST(w.polls() == 0U);
    BOOST_TEST(w.told<renewal_info_failed>().empty());
}

BOOST_AUTO_TEST_CASE(a_restart_makes_no_request_at_once)
{
    weather w;
    w.use_disk();
    w.obtain(20);
    w.pass(day);
    w.manager.reset();
    const auto before = w.network->requests.size();
    restarted again(w);
    again.pass(minutes(9));
    BOOST_TEST(w.network->requests.size() == before);
    const auto polls = w.polls();
    again.pass(hours(6));
    BOOST_TEST(w.polls() == polls + 20);
}

void check_generations(seconds lifetime, seconds backdated, bool renewal_info, seconds at_least)
{
    weather w;
    w.ca.state().options.lifetime = lifetime;
    w.ca.state().options.backdated = backdated;
    w.ca.state().options.renewal_info = renewal_info;
    w.ca.state().options.renewal_retry_after = "3600";
    const auto first = w.get(host);
    auto last = first;
    const auto begin = w.right_time();
    unsigned generations = 0, late = 0;
    w.run_until([&] {
        const auto now = w.served(host);
        late += now->not_after() <= w.right_time() ? 1 : 0;
        if (now != last)
            ++generations;
        last = now;
        return generations == 20;
    });
    BOOST_TEST(late == 0U);
    BOOST_TEST(w.told<issuance_failed>().empty());
    // And not needlessly often.
    BOOST_TEST((w.right_time() - begin >= at_least * 20), (w.right_time() - begin) / seconds(20));
}

BOOST_AUTO_TEST_CASE(certificates_of_six_days_are_refreshed_in_time)
{
    check_generations(hours(24 * 6), hours(1), true, 2 * day);
    check_generations(hours(24 * 6), hours(1), false, 2 * day);
}

BOOST_AUTO_TEST_CASE(certificates_of_an_hour_are_refreshed_in_time)
{
    check_generations(hours(1), seconds(0), true, minutes(20));
    check_generations(hours(1), seconds(0), false, minutes(20));
    // Half of it is over when it begins; the CA's window opens after ten minutes.
    check_generations(hours(1), hours(1), true, minutes(10));
    check_generations(hours(1), hours(1), false, minutes(15));
}

BOOST_AUTO_TEST_CASE(a_ca_whose_windows_are_always_past_is_not_stormed)
{
    weather w;
    w.set_window(w.right_time() - 3 * day, w.right_time() - 2 * day);
    w.obtain(10);
    w.pass(10 * day);
    const auto early = w.asked.size();
    BOOST_TEST(early <= 10U * 18U);
    w.pass(30 * day);
    // One a day each at most.
    BOOST_TEST(w.asked.size() - early <= 10U * 31U);
}

BOOST_AUTO_TEST_CASE(a_mass_revocation_is_lived_through_within_the_limits)
{
    constexpr int hosts = 200;
    weather w([](config& c) { c.limits.requests = rate(20, seconds(60)); });
    w.obtain(hosts);
    w.pass(5 * day);
    BOOST_TEST(w.asked.size() == std::size_t(hosts));
    for (int n = 0; n < hosts; ++n)
        w.ca.set_renewal_window(
            host_number(n), testing::renewal_window(w.right_time() - hours(2), w.right_time() - hours(1)));
    const auto revoked = w.right_time();
    w.run_until([&] { return w.asked.size() >= std::size_t(hosts) + 60; });
    const auto caller = w.ask("new.example.com");
    const auto asked_at = w.right_time();
    w.wait(caller);
    BOOST_TEST((w.right_time() - asked_at <= seconds(63)));
    const auto all = [&] { return w.told<certificate_obtained>().size() == 2 * std::size_t(hosts) + 1; };
    w.run_until(all);
    BOOST_TEST((w.right_time() - revoked <= hours(6) + minutes(hosts)));
    // Never more than a full bucket and what it gains.
    for (std::size_t i = hosts; i + 21 < w.asked.size(); ++i)
        BOOST_TEST((w.asked[i + 21].when - w.asked[i].when >= seconds(59)));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
