#include "testing/rig.hpp"

#include <boost/test/unit_test.hpp>

namespace acme::test {
namespace {

BOOST_AUTO_TEST_SUITE(accounts)

BOOST_AUTO_TEST_CASE(an_account_is_made_found_changed_and_deactivated)
{
    rig r;
    client c(r.options());
    account_request wanted;
    wanted.contact = {"mailto:a@example.com"};
    BOOST_TEST(r.run(c.async_new_account(wanted)).created);
    BOOST_TEST(!r.run(c.async_new_account(wanted)).created);
    BOOST_TEST(r.run(c.async_update_account({"mailto:b@example.com"})).contact.front() == "mailto:b@example.com");
    BOOST_TEST((r.failure_of(c.async_update_account({"tel:1"})).value().code() == errc::unsupported_contact));
    const key next = key::generate();
    r.run(c.async_key_change(next));
    BOOST_TEST((c.account_key() == next));
    BOOST_TEST(r.run(c.async_find_account())->url == c.account_url());
    BOOST_TEST((r.run(c.async_deactivate_account()).status == account_status::deactivated));
    BOOST_TEST((r.refusal(c).value().code() == errc::unauthorized));
}

BOOST_AUTO_TEST_CASE(an_external_account_is_demanded)
{
    ca_options o;
    o.external_accounts["kid-1"] = std::string(32, 'k');
    rig r(std::move(o));
    client c(r.options());
    BOOST_TEST(
        (r.failure_of(c.async_new_account(account_request())).value().code() == errc::external_account_required));
    account_request bound;
    bound.external.emplace("kid-1", "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s");
    BOOST_TEST(r.run(c.async_new_account(bound)).created);
}

BOOST_AUTO_TEST_CASE(an_account_can_be_forgotten)
{
    rig r;
    client c(r.options());
    r.run(c.async_new_account(account_request()));
    r.ca.state().accounts.clear();
    BOOST_TEST(!r.run(c.async_find_account()));
    BOOST_TEST(r.run(c.async_new_account(account_request())).created);
}

BOOST_AUTO_TEST_CASE(validated_names_are_reused_unless_deactivated)
{
    ca_options o;
    o.reuse_authorizations = true;
    o.validate = [](const testing::validation&) { return std::nullopt; };
    rig r(std::move(o));
    client c(r.options());
    r.run(c.async_new_account(account_request()));
    r.obtain(c);
    r.obtain(c);
    BOOST_TEST(r.ca.state().validations == 1u);
    r.run(c.async_deactivate_authorization(r.ca.state().authorizations.begin()->first));
    r.obtain(c);
    BOOST_TEST(r.ca.state().validations == 2u);
    r.clock->advance(31 * 24h);
    r.obtain(c);
    BOOST_TEST(r.ca.state().validations == 3u);
}

BOOST_AUTO_TEST_CASE(an_order_expires)
{
    rig r;
    client c(r.options());
    r.run(c.async_new_account(account_request()));
    const auto o = r.run(c.async_new_order(rig::request().order));
    BOOST_TEST((o.expires == r.clock->now() + 7 * 24h));
    r.clock->advance(7 * 24h);
    BOOST_TEST((r.run(c.async_order(o.url)).status == order_status::invalid));
}

BOOST_AUTO_TEST_CASE(a_function_says_what_is_wrong_with_a_validation)
{
    ca_options o;
    o.validate = [](const testing::validation& v) { return v.type + " fails for " + v.identifier.value; };
    rig r(std::move(o));
    client c(r.options());
    r.run(c.async_new_account(account_request()));
    const auto e = r.refusal(c);
    BOOST_TEST((e.value().code() == errc::authorization_invalid));
    BOOST_TEST(e->problem()->detail == "tls-alpn-01 fails for www.example.com");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
