#include "protocol/limit.hpp"

#include <boost/system/errc.hpp>
#include <boost/test/unit_test.hpp>

#include <limits>
#include <string>
#include <vector>

using acme::disposition;
using acme::errc;
using acme::retry_advice;
using namespace std::chrono;
using when = retry_advice::kind;

namespace {

const auto now = system_clock::time_point(1'800'000'000s);
constexpr auto most = std::numeric_limits<std::uint64_t>::max();

acme::problem make_problem(std::string_view type, unsigned status = 400)
{
    acme::problem p;
    p.type = type.empty() ? "" : "urn:ietf:params:acme:error:" + std::string(type);
    p.status = status;
    return p;
}

retry_advice of(errc e, unsigned attempt = 1, std::uint64_t random = 0)
{
    return disposition(make_error_code(e), {}, attempt, now, random);
}

retry_advice of(const acme::problem& p, unsigned attempt = 1, std::uint64_t random = 0)
{
    return disposition(make_error_code(p.code()), p, attempt, now, random);
}

/// The wait in seconds; -1 never, -2 now.
long long wait(const retry_advice& a)
{
    if (a.when != when::at)
        return a.when == when::never ? -1 : -2;
    return duration_cast<seconds>(a.not_before - now).count();
}

} // namespace

BOOST_AUTO_TEST_SUITE(dispositions)

BOOST_AUTO_TEST_CASE(what_only_a_change_can_cure_is_never_tried_again)
{
    for (const auto e : {errc::bad_csr, errc::bad_public_key, errc::bad_revocation_reason,
             errc::bad_signature_algorithm, errc::external_account_required, errc::invalid_contact,
             errc::invalid_profile, errc::rejected_identifier, errc::unsupported_contact, errc::unsupported_identifier,
             errc::user_action_required, errc::no_usable_challenge, errc::invalid_host_name, errc::host_not_allowed,
             errc::terms_refused, errc::shut_down})
        for (const unsigned attempt : {1U, 2U, 1000U})
            BOOST_TEST(wait(of(e, attempt)) == -1, make_error_code(e).message());
}

BOOST_AUTO_TEST_CASE(refusals_are_tried_after_1_10_100_minutes_then_daily)
{
    for (const auto e : {errc::connection, errc::dns, errc::tls, errc::incorrect_response, errc::caa,
             errc::unauthorized, errc::malformed, errc::order_invalid, errc::authorization_invalid}) {
        const std::pair<unsigned, long long> table[] = {
            {0, 60}, {1, 60}, {2, 600}, {3, 6'000}, {4, 86'400}, {5, 86'400}, {4'000'000'000U, 86'400}};
        for (const auto& [attempt, expected] : table)
            BOOST_TEST(wait(of(e, attempt)) == expected, make_error_code(e).message() << ' ' << attempt);
    }
}

BOOST_AUTO_TEST_CASE(outages_are_tried_after_30_seconds_doubling_to_an_hour)
{
    const boost::system::error_code outages[] = {make_error_code(errc::server_internal),
        make_error_code(errc::timed_out), make_error_code(errc::unexpected_answer),
        make_error_code(errc::answer_too_large), make_error_code(errc::bad_nonce),
        make_error_code(errc::unknown_problem), make_error_code(boost::system::errc::connection_refused),
        make_error_code(boost::system::errc::host_unreachable)};
    const std::pair<unsigned, long long> table[] = {
        {0, 30}, {1, 30}, {2, 60}, {3, 120}, {7, 1'920}, {8, 3'600}, {9, 3'600}, {4'000'000'000U, 3'600}};
    for (const auto& ec : outages)
        for (const auto& [attempt, expected] : table)
            BOOST_TEST(wait(disposition(ec, {}, attempt, now, 0)) == expected, ec.message() << ' ' << attempt);
}

BOOST_AUTO_TEST_CASE(an_unknown_problem_is_judged_by_its_http_status)
{
    const std::pair<unsigned, long long> table[] = {
        {0, 30}, {400, 60}, {403, 60}, {404, 60}, {408, 30}, {429, 30}, {500, 30}, {502, 30}, {503, 30}, {504, 30}};
    for (const auto& [status, expected] : table)
        for (const auto type : {"", "somethingNew"})
            BOOST_TEST(wait(of(make_problem(type, status))) == expected, status);
}

BOOST_AUTO_TEST_CASE(a_rate_limit_ends_at_its_retry_after)
{
    auto p = make_problem("rateLimited", 429);
    p.retry_after = now + 1'080s;
    BOOST_TEST(wait(of(p)) == 1'080);
    BOOST_TEST(wait(of(p, 50)) == 1'080);
    p.retry_after = now - 5s;
    BOOST_TEST(wait(of(p)) == 0);
    p.retry_after = now + 24h * 3650;
    BOOST_TEST(wait(of(p)) == 30 * 86'400);
}

BOOST_AUTO_TEST_CASE(a_paused_account_is_asked_for_once_a_day)
{
    BOOST_TEST(wait(of(make_problem("rateLimited", 429))) == 86'400);
    BOOST_TEST(wait(of(make_problem("rateLimited", 429), 100)) == 86'400);
}

BOOST_AUTO_TEST_CASE(a_rejected_certificate_is_not_ordered_again_within_a_day)
{
    BOOST_TEST(wait(of(errc::certificate_rejected)) == 86'400);
}

BOOST_AUTO_TEST_CASE(a_retry_after_is_never_undercut)
{
    for (const auto type : {"", "serverInternal", "malformed", "connection", "orderNotReady"})
        for (const unsigned attempt : {1U, 3U, 9U}) {
            auto p = make_problem(type, 503);
            p.retry_after = now + 200'000s;
            BOOST_TEST(wait(of(p, attempt)) == 200'000, type);
            p.retry_after = now + 1s;
            BOOST_TEST(wait(of(p, attempt)) >= 1, type);
        }
    auto p = make_problem("serverInternal", 500);
    p.retry_after = now + 1s;
    BOOST_TEST(wait(of(p, 4)) == 240, "a short Retry-After does not undo the growing wait");
}

BOOST_AUTO_TEST_CASE(what_has_a_known_repair_is_tried_at_once_but_once)
{
    for (const auto e : {errc::account_does_not_exist, errc::already_replaced, errc::order_not_ready, errc::conflict}) {
        BOOST_TEST(wait(of(e, 1)) == -2);
        BOOST_TEST(wait(of(e, 2)) == 600);
        BOOST_TEST(wait(of(e, 4)) == 86'400);
    }
}

BOOST_AUTO_TEST_CASE(an_invalid_order_is_as_bad_as_its_problem)
{
    const auto summary = [](errc e, acme::problem p) { return wait(disposition(make_error_code(e), p, 1, now, 0)); };
    for (const auto e : {errc::order_invalid, errc::authorization_invalid}) {
        BOOST_TEST(summary(e, make_problem("connection")) == 60);
        BOOST_TEST(summary(e, make_problem("serverInternal", 500)) == 60);
        BOOST_TEST(summary(e, make_problem("", 0)) == 60);
        BOOST_TEST(summary(e, make_problem("rejectedIdentifier")) == -1);
        BOOST_TEST(summary(e, make_problem("badCSR")) == -1);
        BOOST_TEST(summary(e, make_problem("rateLimited")) == 86'400);
        BOOST_TEST(summary(e, make_problem("orderNotReady")) == 60);
    }
}

BOOST_AUTO_TEST_CASE(a_compound_problem_is_permanent_if_a_part_of_it_is)
{
    auto p = make_problem("compound");
    p.subproblems.resize(2);
    p.subproblems[0].type = "urn:ietf:params:acme:error:dns";
    p.subproblems[1].type = "urn:ietf:params:acme:error:caa";
    BOOST_TEST(wait(of(p)) == 60);
    BOOST_TEST(wait(disposition(make_error_code(errc::order_invalid), p, 1, now, 0)) == 60);
    p.subproblems[1].type = "urn:ietf:params:acme:error:rejectedIdentifier";
    BOOST_TEST(wait(of(p)) == -1);
    BOOST_TEST(wait(disposition(make_error_code(errc::order_invalid), p, 1, now, 0)) == -1);
}

BOOST_AUTO_TEST_CASE(cancellation_and_success_are_no_failures)
{
    BOOST_TEST(wait(disposition({}, {}, 1, now, 0)) == -2);
    BOOST_TEST(wait(disposition(make_error_code(boost::system::errc::operation_canceled), {}, 9, now, 0)) == -2);
    const boost::system::error_code aborted(ECANCELED, boost::system::system_category());
    BOOST_TEST(wait(disposition(aborted, {}, 9, now, 0)) == -2);
    BOOST_TEST(wait(of(errc::too_many_waiters)) == -2);
}

BOOST_AUTO_TEST_CASE(waits_are_put_off_by_up_to_a_fifth)
{
    const auto between = [](long long low, long long value, long long high) { return low <= value && value <= high; };
    BOOST_TEST(between(7'199, wait(of(errc::dns, 3, most)), 7'200));
    BOOST_TEST(between(6'599, wait(of(errc::dns, 3, most / 2)), 6'600));
    BOOST_TEST(between(35, wait(of(errc::timed_out, 1, most)), 36));
    auto p = make_problem("rateLimited", 429);
    p.retry_after = now + 100s;
    BOOST_TEST(between(119, wait(of(p, 1, most)), 120));
}

BOOST_AUTO_TEST_CASE(every_error_has_an_answer_at_any_attempt)
{
    for (int value = -1; value < 200; ++value)
        for (const unsigned attempt : {0U, 1U, 40U, 4'294'967'295U}) {
            const boost::system::error_code ec(value, acme::acme_category());
            const auto w = wait(disposition(ec, {}, attempt, now, most));
            BOOST_REQUIRE(w >= -2);
            BOOST_REQUIRE(w <= 86'400 * 6 / 5);
        }
}

BOOST_AUTO_TEST_SUITE_END()
