#include "manager/world.hpp"

#include <acme/testing/fault.hpp>

#include <boost/test/unit_test.hpp>

#include <stdexcept>

/// Which kind of challenge is chosen for an order.
namespace acme::test {
namespace {

using kinds = std::vector<std::string>;
using std::chrono::hours;
using std::chrono::seconds;

const std::string host = "a.example.com";
const std::string tls = "tls-alpn-01";
const std::string http = "http-01";

// Longer than any pause after a failed validation.
constexpr auto long_enough = hours(30);

BOOST_AUTO_TEST_SUITE(challenges)

BOOST_AUTO_TEST_CASE(without_an_http_side_http_01_is_not_chosen)
{
    world w;
    w.blocked = {tls};
    for (int n = 0; n < 3; ++n) {
        BOOST_TEST((w.refusal(host).code() == errc::authorization_invalid));
        w.pass(long_enough);
    }
    BOOST_TEST((w.kinds() == kinds{tls, tls, tls}));
    w.ca.state().options.challenge_types = {http};
    BOOST_TEST((w.refusal(host).code() == errc::no_usable_challenge));
}

BOOST_AUTO_TEST_CASE(http_01_is_chosen_while_somebody_answers_it)
{
    world w;
    w.ca.state().options.challenge_types = {http};
    auto first = w.manager->answering_http_challenges();
    auto second = w.manager->answering_http_challenges();
    BOOST_TEST(w.get(host));
    first.reset();
    BOOST_TEST(w.get("b.example.com"));
    second.reset();
    BOOST_TEST((w.refusal("c.example.com").code() == errc::no_usable_challenge));
    BOOST_TEST((w.kinds() == kinds{http, http}));
}

BOOST_AUTO_TEST_CASE(tls_alpn_01_is_preferred)
{
    world w;
    const auto answering = w.manager->answering_http_challenges();
    w.get(host);
    BOOST_TEST((w.kinds() == kinds{tls}));
}

BOOST_AUTO_TEST_CASE(after_a_failed_validation_the_other_kind_is_tried)
{
    world w;
    const auto answering = w.manager->answering_http_challenges();
    w.blocked = {tls};
    BOOST_TEST((w.refusal(host).code() == errc::authorization_invalid));
    BOOST_TEST((w.refusal(host).code() == errc::recently_failed));
    w.pass(long_enough);
    BOOST_TEST(w.get(host));
    BOOST_TEST((w.kinds() == kinds{tls, http}));
    // It says nothing of other hosts.
    w.refusal("b.example.com");
    BOOST_TEST((w.kinds() == kinds{tls, http, tls}));
}

BOOST_AUTO_TEST_CASE(where_neither_gets_through_they_take_turns)
{
    world w;
    const auto answering = w.manager->answering_http_challenges();
    w.blocked = {tls, http};
    for (int n = 0; n < 4; ++n) {
        BOOST_TEST((w.refusal(host).code() == errc::authorization_invalid));
        w.pass(long_enough);
    }
    BOOST_TEST((w.kinds() == kinds{tls, http, tls, http}));
}

BOOST_AUTO_TEST_CASE(other_failures_do_not_change_the_turn)
{
    world w;
    const auto answering = w.manager->answering_http_challenges();
    w.ca.inject(testing::at(testing::step::new_order), testing::fault::rate_limited(hours(1)));
    BOOST_TEST((w.refusal(host).code() == errc::rate_limited));
    w.pass(long_enough);
    w.blocked = {tls};
    BOOST_TEST((w.refusal(host).code() == errc::authorization_invalid));
    w.pass(long_enough);
    w.ca.inject(testing::at(testing::step::new_order), testing::fault::rate_limited(hours(1)));
    BOOST_TEST((w.refusal(host).code() == errc::rate_limited));
    w.pass(long_enough);
    BOOST_TEST(w.get(host));
    BOOST_TEST((w.kinds() == kinds{tls, http}));
}

BOOST_AUTO_TEST_CASE(the_kind_that_succeeded_is_the_first_at_the_next_refresh_after_a_restart_too)
{
    surroundings around;
    std::string saved;
    {
        server_process before(around);
        const auto answering = before.manager->answering_http_challenges();
        around.blocked = {tls};
        before.refusal(host);
        before.pass(long_enough);
        before.get(host);
        before.run_until([&] { return before.told<certificate_obtained>().size() == 2; });
        BOOST_TEST((around.kinds() == kinds{tls, http, http}));
        saved = before.manager->marshal();
    }
    server_process after(around);
    const auto answering = after.manager->answering_http_challenges();
    after.manager->unmarshal(saved);
    after.run_until([&] { return after.told<certificate_obtained>().size() == 1; });
    BOOST_TEST((around.kinds() == kinds{tls, http, http, http}));
    BOOST_TEST(after.told<issuance_failed>().empty());
}

BOOST_AUTO_TEST_CASE(the_kind_that_failed_is_remembered_after_a_restart)
{
    surroundings around;
    std::string saved;
    {
        server_process before(around);
        const auto answering = before.manager->answering_http_challenges();
        around.blocked = {tls};
        before.refusal(host);
        saved = before.manager->marshal();
    }
    server_process after(around);
    const auto answering = after.manager->answering_http_challenges();
    after.manager->unmarshal(saved);
    after.pass(long_enough);
    BOOST_TEST(after.get(host));
    BOOST_TEST((around.kinds() == kinds{tls, http}));
}

BOOST_AUTO_TEST_CASE(a_refresh_takes_the_other_kind_after_a_failed_validation)
{
    world w;
    const auto answering = w.manager->answering_http_challenges();
    w.get(host);
    w.blocked = {tls};
    w.run_until([&] { return w.told<certificate_obtained>().size() == 2; });
    BOOST_TEST((w.kinds() == kinds{tls, tls, http}));
    // And is spared the detour the next time.
    w.run_until([&] { return w.told<certificate_obtained>().size() == 3; });
    BOOST_TEST((w.kinds() == kinds{tls, tls, http, http}));
    w.blocked = {http};
    w.run_until([&] { return w.told<certificate_obtained>().size() == 4; });
    BOOST_TEST((w.kinds() == kinds{tls, tls, http, http, http, tls}));
}

BOOST_AUTO_TEST_CASE(an_order_without_a_validation_leaves_what_is_known)
{
    world w;
    const auto answering = w.manager->answering_http_challenges();
    w.ca.state().options.reuse_authorizations = true;
    w.ca.state().options.authorization_lifetime = 24 * hours(100);
    w.ca.state().options.challenge_types = {http};
    w.get(host);
    w.ca.state().options.challenge_types = {tls, http};
    w.run_until([&] { return w.told<certificate_obtained>().size() == 2; });
    BOOST_TEST((w.kinds() == kinds{http}));
    w.ca.state().options.reuse_authorizations = false;
    w.run_until([&] { return w.told<certificate_obtained>().size() == 3; });
    BOOST_TEST((w.kinds() == kinds{http, http}));
}

BOOST_AUTO_TEST_CASE(the_operator_may_say_which_kinds_are_used)
{
    world only_http([](config& c) { c.challenge_types = {http}; });
    BOOST_TEST(only_http.get(host));
    BOOST_TEST((only_http.kinds() == kinds{http}));

    world only_tls([](config& c) { c.challenge_types = {tls}; });
    const auto answering = only_tls.manager->answering_http_challenges();
    only_tls.blocked = {tls};
    only_tls.refusal(host);
    only_tls.pass(long_enough);
    only_tls.refusal(host);
    BOOST_TEST((only_tls.kinds() == kinds{tls, tls}));

    world http_first([](config& c) { c.challenge_types = {http, tls}; });
    http_first.blocked = {http};
    http_first.refusal(host);
    http_first.pass(long_enough);
    BOOST_TEST(http_first.get(host));
    BOOST_TEST((http_first.kinds() == kinds{http, tls}));

    const auto none_such = [](config& c) { c.challenge_types = {tls, "dns-01"}; };
    BOOST_CHECK_THROW(world{none_such}, std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(an_http_challenge_is_answered_ten_seconds_longer_than_it_is_pending)
{
    world w([](config& c) { c.challenge_types = {http}; });
    const auto door = w.manager->credentials();
    w.get(host);
    BOOST_REQUIRE(w.validated.size() == 1U);
    const auto token = w.validated[0].token;
    BOOST_REQUIRE(door->find_http_challenge(token));
    BOOST_TEST(door->find_http_challenge(token)->key_authorization == w.validated[0].key_authorization);
    w.pass(seconds(8));
    BOOST_TEST(door->find_http_challenge(token));
    // Stragglers are answered though the manager has gone meanwhile.
    w.manager.reset();
    w.settle();
    BOOST_TEST(door->find_http_challenge(token));
    w.clock->advance(seconds(2));
    BOOST_TEST(!door->find_http_challenge(token));
}

BOOST_AUTO_TEST_CASE(who_answers_may_outlive_the_manager)
{
    world w;
    const auto answering = w.manager->answering_http_challenges();
    w.manager.reset();
    w.settle();
    BOOST_TEST(answering);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
