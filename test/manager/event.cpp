#include "manager/certificates.hpp"

#include <acme/event.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace acme::test {
namespace {

bool has(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

bool is_one_clean_line(const std::string& text)
{
    return !text.empty() &&
        std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

error failure_of(errc code)
{
    return error(make_error_code(code), "newOrder", "the CA said \"no\"");
}

BOOST_AUTO_TEST_SUITE(description_of_events)

BOOST_AUTO_TEST_CASE(an_account_is_told_with_its_url)
{
    BOOST_TEST(describe(account_registered{"https://ca.test/account/1", true}) ==
        "account created: https://ca.test/account/1");
    BOOST_TEST(
        describe(account_registered{"https://ca.test/account/1", false}) == "account found: https://ca.test/account/1");
}

BOOST_AUTO_TEST_CASE(a_certificate_is_told_with_its_dates_and_issuer)
{
    certificate_obtained e;
    e.host = "www.example.com";
    e.certificate = make_served({"www.example.com"});
    e.took = std::chrono::milliseconds(1234);
    e.next_refresh = chain_time + std::chrono::hours(24 * 60) + std::chrono::seconds(61);
    const auto first = describe(e);
    BOOST_TEST(has(first, "certificate obtained for www.example.com in 1234 ms"));
    BOOST_TEST(has(first, "valid until 2026-08-30T00:00:00Z"));
    BOOST_TEST(has(first, e.certificate->issuer()));
    BOOST_TEST(has(first, "next refresh 2026-07-31T00:01:01Z"));
    e.refresh = true;
    BOOST_TEST(has(describe(e), "certificate refreshed for www.example.com"));
}

BOOST_AUTO_TEST_CASE(a_failure_is_told_with_its_cause_and_the_next_attempt)
{
    const auto base = failure_of(errc::rate_limited);
    const auto e = issuance_failed{"www.example.com", true, base.with_retry(retry_advice::at(chain_time))};
    const auto refresh = describe(e);
    BOOST_TEST(has(refresh, "certificate refresh failed for www.example.com"));
    BOOST_TEST(has(refresh, base.what()));
    BOOST_TEST(has(refresh, "2026-06-01T00:00:00Z"));
    BOOST_TEST(refresh.find("next attempt") == refresh.rfind("next attempt"));
    const auto never = describe(issuance_failed{"www.example.com", false, base.with_retry(retry_advice::never())});
    BOOST_TEST(has(never, "certificate failed for www.example.com"));
    const auto now = describe(issuance_failed{"www.example.com", false, base.with_retry(retry_advice::now())});
    BOOST_TEST(now.ends_with(base.what()));
}

BOOST_AUTO_TEST_CASE(the_others_name_what_they_are_about)
{
    BOOST_TEST(describe(validation_answered{"www.example.com", "http-01"}) ==
        "http-01 validation answered for www.example.com");
    const auto failed = describe(save_failed{"ca.test/account", failure_of(errc::damaged_state)});
    BOOST_TEST(has(failed, "ca.test/account"));
    BOOST_TEST(has(failed, "the CA said"));
    const auto refused = describe(state_refused{"ca.test/certificates/a.b", failure_of(errc::damaged_state)});
    BOOST_TEST(has(refused, "ca.test/certificates/a.b"));
}

BOOST_AUTO_TEST_CASE(hostile_text_can_not_leave_its_line)
{
    const std::string hostile = "a\r\nINFO all is well\x1b[2J\x7f\n";
    BOOST_TEST(is_one_clean_line(describe(validation_answered{hostile, "http-01"})));
    BOOST_TEST(is_one_clean_line(describe(account_registered{hostile, true})));
    BOOST_TEST(is_one_clean_line(describe(issuance_failed{hostile, false, failure_of(errc::dns).with_host(hostile)})));
    BOOST_TEST(is_one_clean_line(describe(save_failed{hostile, failure_of(errc::dns)})));
    BOOST_TEST(describe(validation_answered{std::string(1'000'000, 'x'), "http-01"}).size() < 10'000U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
