#include "protocol/challenge_choice.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

namespace acme::test {
namespace {

using types = std::vector<std::string>;

const std::string tls = "tls-alpn-01";
const std::string http = "http-01";

problem of_type(const std::string& name)
{
    problem p;
    p.type = "urn:ietf:params:acme:error:" + name;
    return p;
}

BOOST_AUTO_TEST_SUITE(challenge_choice)

BOOST_AUTO_TEST_CASE(tls_alpn_01_is_preferred_and_http_01_needs_a_served_port)
{
    BOOST_TEST((usable_challenges({}, false) == types{tls}));
    BOOST_TEST((usable_challenges({}, true) == types{tls, http}));
}

BOOST_AUTO_TEST_CASE(the_operator_has_the_first_word)
{
    for (const bool served : {false, true}) {
        BOOST_TEST((usable_challenges({http}, served) == types{http}));
        BOOST_TEST((usable_challenges({http, tls}, served) == types{http, tls}));
        BOOST_TEST((usable_challenges({tls}, served) == types{tls}));
    }
}

BOOST_AUTO_TEST_CASE(experience_changes_the_order_and_nothing_else)
{
    const struct
    {
        types usable;
        std::string succeeded;
        std::string failed;
        types order;
    } table[] = {
        {{tls, http}, "", "", {tls, http}},
        {{tls, http}, tls, "", {tls, http}},
        {{tls, http}, http, "", {http, tls}},
        {{tls, http}, "", tls, {http, tls}},
        {{tls, http}, "", http, {tls, http}},
        // A failure is younger than the success that is remembered beside it.
        {{tls, http}, http, http, {tls, http}},
        {{tls, http}, tls, tls, {http, tls}},
        {{tls, http}, http, tls, {http, tls}},
        {{tls, http}, tls, http, {tls, http}},
        {{http, tls}, "", http, {tls, http}},
        {{tls}, http, tls, {tls}},
        {{http}, tls, http, {http}},
        {{tls, http}, "dns-01", "dns-01", {tls, http}},
        {{}, tls, http, {}},
    };
    for (const auto& row : table)
        BOOST_TEST((in_order_of_experience(row.usable, row.succeeded, row.failed) == row.order),
            row.succeeded << " succeeded, " << row.failed << " failed");
}

BOOST_AUTO_TEST_CASE(a_validation_failure_is_one_of_which_another_kind_may_think_better)
{
    for (const auto code : {errc::authorization_invalid, errc::order_invalid}) {
        BOOST_TEST(is_validation_failure(code, std::nullopt));
        BOOST_TEST(is_validation_failure(code, problem()));
        for (const auto* type : {"connection", "dns", "incorrectResponse", "tls", "unauthorized", "neverHeardOf"})
            BOOST_TEST(is_validation_failure(code, of_type(type)), type);
        for (const auto* type : {"caa", "rejectedIdentifier", "badCSR", "rateLimited", "serverInternal"})
            BOOST_TEST(!is_validation_failure(code, of_type(type)), type);
        auto several = of_type("compound");
        BOOST_TEST(!is_validation_failure(code, several));
        several.subproblems.emplace_back();
        several.subproblems.back().type = of_type("caa").type;
        BOOST_TEST(!is_validation_failure(code, several));
        several.subproblems.emplace_back();
        several.subproblems.back().type = of_type("connection").type;
        BOOST_TEST(is_validation_failure(code, several));
    }
    // The CA's own server could not be reached, and the like.
    for (const auto code : {errc::connection, errc::unauthorized, errc::rate_limited, errc::timed_out,
             errc::certificate_rejected, errc::no_usable_challenge})
        BOOST_TEST(!is_validation_failure(code, of_type("connection")));
    BOOST_TEST(!is_validation_failure({}, std::nullopt));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
