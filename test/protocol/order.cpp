#include "protocol/order.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using acme::authorization;
using acme::authorization_status;
using acme::challenge;
using acme::challenge_status;
using acme::errc;
using acme::finalize_outcome;
using acme::order;
using acme::order_status;
using acme::poll_delay;
using kind = acme::order_step::kind;
using namespace std::chrono_literals;

BOOST_TEST_DONT_PRINT_LOG_VALUE(kind)
BOOST_TEST_DONT_PRINT_LOG_VALUE(errc)

namespace {

const std::string token = "DGyRejmCefe7v4NfDGDKfA";

challenge make_challenge(std::string type, challenge_status status = challenge_status::pending)
{
    challenge c;
    c.type = std::move(type);
    c.url = "https://ca.example/c/" + c.type;
    c.status = status;
    c.token = token;
    return c;
}

authorization make_authorization(std::string name, authorization_status status, bool wildcard = false)
{
    authorization a;
    a.identifier = acme::identifier("dns", std::move(name));
    a.status = status;
    a.wildcard = wildcard;
    return a;
}

order make_order(order_status status, std::vector<std::string> names = {"a.example"})
{
    order o;
    o.status = status;
    for (auto& name : names) {
        o.authorizations.push_back("https://ca.example/z/" + name);
        o.identifiers.emplace_back("dns", std::move(name));
    }
    o.finalize = "https://ca.example/f";
    return o;
}

acme::problem make_problem(std::string_view type)
{
    acme::problem p;
    p.type = "urn:ietf:params:acme:error:" + std::string(type);
    return p;
}

} // namespace

BOOST_AUTO_TEST_SUITE(order_flow)

BOOST_AUTO_TEST_CASE(each_status_leads_to_its_step)
{
    const std::vector<authorization> none;
    const std::vector<authorization> valid{make_authorization("a.example", authorization_status::valid)};
    const std::vector<authorization> pending{make_authorization("a.example", authorization_status::pending)};
    const struct
    {
        order_status status;
        const std::vector<authorization>& authorizations;
        finalize_outcome finalized;
        kind expected;
    } table[] = {
        {order_status::pending, pending, finalize_outcome::not_sent, kind::authorize},
        {order_status::pending, valid, finalize_outcome::not_sent, kind::finalize},
        {order_status::pending, valid, finalize_outcome::not_ready, kind::poll},
        {order_status::pending, pending, finalize_outcome::not_ready, kind::authorize},
        {order_status::pending, valid, finalize_outcome::accepted, kind::poll},
        {order_status::pending, none, finalize_outcome::not_sent, kind::failed},
        {order_status::ready, none, finalize_outcome::not_sent, kind::finalize},
        {order_status::ready, none, finalize_outcome::not_ready, kind::finalize},
        {order_status::ready, none, finalize_outcome::accepted, kind::poll},
        {order_status::processing, none, finalize_outcome::not_sent, kind::poll},
        {order_status::processing, none, finalize_outcome::accepted, kind::poll},
        {order_status::valid, none, finalize_outcome::not_sent, kind::download},
        {order_status::valid, none, finalize_outcome::accepted, kind::download},
        {order_status::invalid, none, finalize_outcome::not_sent, kind::failed},
        {order_status::invalid, valid, finalize_outcome::accepted, kind::failed},
    };
    for (const auto& row : table) {
        order o = make_order(row.status);
        o.certificate = "https://ca.example/cert";
        const auto step = next(o, row.authorizations, row.finalized);
        BOOST_TEST(
            (step.what == row.expected), to_string(row.status) << ' ' << int(row.finalized) << ' ' << int(step.what));
    }
}

BOOST_AUTO_TEST_CASE(only_pending_authorizations_are_to_be_dealt_with)
{
    const order o = make_order(order_status::pending, {"a.example", "b.example", "c.example"});
    // In another order than the identifiers, as CAs shuffle them.
    const std::vector<authorization> authorizations{make_authorization("c.example", authorization_status::pending),
        make_authorization("a.example", authorization_status::valid),
        make_authorization("b.example", authorization_status::pending)};
    const auto step = next(o, authorizations);
    BOOST_TEST((step.what == kind::authorize));
    BOOST_TEST(step.to_authorize == (std::vector<std::size_t>{0, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_wildcard_and_its_apex_are_told_apart)
{
    const order o = make_order(order_status::pending, {"*.a.example", "A.example"});
    const std::vector<authorization> authorizations{
        make_authorization("a.example", authorization_status::pending, true),
        make_authorization("a.EXAMPLE", authorization_status::pending)};
    BOOST_TEST(next(o, authorizations).to_authorize.size() == 2U);

    const order wildcard_only = make_order(order_status::pending, {"*.a.example"});
    BOOST_TEST((next(wildcard_only, std::span(authorizations).first(1)).what == kind::authorize));
    BOOST_TEST((next(wildcard_only, std::span(authorizations).last(1)).what == kind::failed));
}

BOOST_AUTO_TEST_CASE(nothing_is_proven_for_a_name_that_is_not_in_the_order)
{
    const order o = make_order(order_status::pending, {"a.example", "b.example"});
    for (const auto& foreign : {make_authorization("evil.example", authorization_status::pending),
             make_authorization("evil.example", authorization_status::valid),
             make_authorization("a.example", authorization_status::pending, true)}) {
        const std::vector<authorization> authorizations{
            make_authorization("a.example", authorization_status::pending), foreign};
        const auto step = next(o, authorizations);
        BOOST_TEST((step.what == kind::failed));
        BOOST_TEST((step.code == errc::unexpected_answer));
        BOOST_TEST(step.why.find(foreign.identifier.value) != std::string::npos, step.why);
    }
    authorization ip = make_authorization("a.example", authorization_status::pending);
    ip.identifier.type = "ip";
    const std::vector<authorization> of_other_type{ip, ip};
    BOOST_TEST((next(o, of_other_type).what == kind::failed));
}

BOOST_AUTO_TEST_CASE(an_authorization_that_cannot_become_valid_ends_the_order)
{
    const order o = make_order(order_status::pending, {"a.example", "b.example"});
    for (const auto status : {authorization_status::invalid, authorization_status::deactivated,
             authorization_status::expired, authorization_status::revoked}) {
        std::vector<authorization> authorizations{
            make_authorization("a.example", authorization_status::pending), make_authorization("b.example", status)};
        authorizations[1].challenges = {make_challenge("dns-01"), make_challenge("http-01", challenge_status::invalid)};
        authorizations[1].challenges[1].error = make_problem("connection");
        const auto step = next(o, authorizations);
        BOOST_TEST((step.what == kind::failed));
        BOOST_TEST((step.code == errc::authorization_invalid));
        BOOST_TEST(step.why == "the authorization for b.example is " + std::string(to_string(status)));
        BOOST_TEST_REQUIRE(step.problem.has_value());
        BOOST_TEST((step.problem->code() == errc::connection));
    }
}

BOOST_AUTO_TEST_CASE(an_invalid_order_says_why)
{
    order o = make_order(order_status::invalid);
    BOOST_TEST((next(o, {}).code == errc::order_invalid));
    BOOST_TEST(!next(o, {}).problem);
    o.error = make_problem("caa");
    BOOST_TEST((next(o, {}).problem->code() == errc::caa));

    std::vector<authorization> authorizations{make_authorization("a.example", authorization_status::invalid)};
    BOOST_TEST((next(o, authorizations).problem->code() == errc::caa));
    authorizations[0].challenges = {make_challenge("http-01", challenge_status::invalid)};
    authorizations[0].challenges[0].error = make_problem("dns");
    BOOST_TEST((next(o, authorizations).code == errc::authorization_invalid));
    BOOST_TEST((next(o, authorizations).problem->code() == errc::dns));
}

BOOST_AUTO_TEST_CASE(a_valid_order_without_certificate_is_an_error)
{
    const auto step = next(make_order(order_status::valid), {});
    BOOST_TEST((step.what == kind::failed));
    BOOST_TEST((step.code == errc::unexpected_answer));
}

BOOST_AUTO_TEST_CASE(a_pending_order_without_authorizations_is_waited_for)
{
    order o = make_order(order_status::pending);
    o.authorizations.clear();
    BOOST_TEST((next(o, {}).what == kind::poll));
}

BOOST_AUTO_TEST_CASE(identifiers_are_compared_as_sets_without_case)
{
    using ids = std::vector<acme::identifier>;
    const ids ab{{"dns", "a.example"}, {"dns", "b.example"}};
    BOOST_TEST(same_identifiers(ab, ids{{"dns", "B.example"}, {"dns", "a.example"}}));
    BOOST_TEST(same_identifiers(ab, ids{{"dns", "b.example"}, {"dns", "a.example"}, {"dns", "b.example"}}));
    BOOST_TEST(!same_identifiers(ab, ids{{"dns", "a.example"}}));
    BOOST_TEST(!same_identifiers(ab, ids{{"dns", "a.example"}, {"dns", "b.example"}, {"dns", "c.example"}}));
    BOOST_TEST(!same_identifiers(ab, ids{{"dns", "a.example"}, {"ip", "b.example"}}));
    BOOST_TEST(!same_identifiers(ab, ids{{"dns", "*.a.example"}, {"dns", "b.example"}}));
    BOOST_TEST(same_identifiers(ids(), ids()));
}

BOOST_AUTO_TEST_CASE(polls_start_fast_and_slow_down)
{
    BOOST_TEST(poll_delay(0, {}).count() == 15);
    BOOST_TEST(poll_delay(1, {}).count() == 24);
    auto total = 0ms;
    for (unsigned i = 0; i < 1000; ++i) {
        BOOST_REQUIRE(poll_delay(i, {}) <= poll_delay(i + 1, {}));
        BOOST_REQUIRE(poll_delay(i, {}) <= 10s);
        total += i < 15 ? poll_delay(i, {}) : 0ms;
    }
    BOOST_TEST(poll_delay(4'000'000'000U, {}).count() == 10'000);
    // 15 polls in the first half minute, not hundreds.
    BOOST_TEST((total > 20s && total < 40s), total.count());
}

BOOST_AUTO_TEST_CASE(retry_after_is_obeyed_within_bounds)
{
    BOOST_TEST(poll_delay(0, 1s).count() == 1'000);
    BOOST_TEST(poll_delay(99, 3s).count() == 3'000);
    BOOST_TEST(poll_delay(0, 60s).count() == 60'000);
    BOOST_TEST(poll_delay(0, 61s).count() == 60'000);
    BOOST_TEST(poll_delay(0, std::chrono::seconds::max()).count() == 60'000);
    BOOST_TEST(poll_delay(0, 0s).count() == 15);
    BOOST_TEST(poll_delay(1, 0s).count() == 24);
    BOOST_TEST(poll_delay(0, -5s).count() == 15);
}

BOOST_AUTO_TEST_CASE(challenges_are_chosen_in_our_order_of_preference)
{
    authorization a = make_authorization("a.example", authorization_status::pending);
    a.challenges = {make_challenge("dns-persist-01"), make_challenge("http-01"), make_challenge("dns-01"),
        make_challenge("tls-alpn-01")};
    a.challenges[0].token.clear();
    const std::vector<std::string_view> alpn_first{"tls-alpn-01", "http-01"};
    const std::vector<std::string_view> http_only{"http-01"};
    const std::vector<std::string_view> unknown{"dns-persist-01"};
    BOOST_TEST(choose_challenge(a, alpn_first) == &a.challenges[3]);
    BOOST_TEST(choose_challenge(a, http_only) == &a.challenges[1]);
    BOOST_TEST((choose_challenge(a, unknown) == nullptr), "without a token there is nothing to answer");
    BOOST_TEST((choose_challenge(a, {}) == nullptr));
    BOOST_TEST((choose_challenge(authorization(), alpn_first) == nullptr));

    a.challenges[3].status = challenge_status::invalid;
    BOOST_TEST(choose_challenge(a, alpn_first) == &a.challenges[1]);
    a.challenges[1].status = challenge_status::processing;
    a.challenges[3].status = challenge_status::pending;
    BOOST_TEST(choose_challenge(a, alpn_first) == &a.challenges[1], "what was responded to goes on");
    a.challenges[1].status = challenge_status::valid;
    a.challenges[3].token.clear();
    BOOST_TEST((choose_challenge(a, alpn_first) == nullptr));
}

BOOST_AUTO_TEST_SUITE_END()
