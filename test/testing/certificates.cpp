#include "crypto/base64.hpp"
#include "testing/rig.hpp"

#include <boost/json/parse.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace acme::test {
namespace {

BOOST_AUTO_TEST_SUITE(certificates)

BOOST_AUTO_TEST_CASE(a_certificate_is_real_and_ends_at_the_root)
{
    rig r;
    client c(r.options());
    r.run(c.async_new_account(account_request()));
    const auto got = r.obtain(c, rig::request({"b.example.com", "a.example.com"}));
    BOOST_REQUIRE(got);
    BOOST_TEST(got->names().size() == 2u);
    BOOST_TEST((got->not_before() <= r.clock->now() && r.clock->now() < got->not_after()));
    BOOST_REQUIRE(r.ca.state().certificates.size() == 1u);
    BOOST_TEST(r.ca.state().certificates.begin()->second.renewal_id == got->renewal_id());
    std::string why;
    const auto whole = certificate::from_pem(got->chain_pem() + r.ca.root_pem(), got->private_key(), why);
    BOOST_REQUIRE_MESSAGE(whole, why);
    const std::vector<std::string> names{"a.example.com", "b.example.com"};
    const auto wrong = accept(*whole, names, r.clock->now());
    BOOST_TEST(!wrong, wrong.value_or(""));
}

BOOST_AUTO_TEST_CASE(serial_numbers_may_have_the_high_bit_set)
{
    for (const char first : {'\x01', '\x7f', '\x80', '\xff'}) {
        ca_options o;
        o.on_issue = [&](testing::leaf_contents& leaf) { leaf.serial = std::string(1, first) + "\x02\x03"; };
        rig r(std::move(o));
        client c(r.options());
        r.run(c.async_new_account(account_request()));
        const auto got = r.obtain(c);
        BOOST_TEST(got->serial().size() == (first < 0 ? 8u : 6u));
        BOOST_TEST(got->renewal_id() == r.ca.state().certificates.begin()->second.renewal_id);
    }
}

BOOST_AUTO_TEST_CASE(alternate_chains_end_at_other_roots)
{
    ca_options o;
    o.alternate_chains = 2;
    rig r(std::move(o));
    client c(r.options());
    r.run(c.async_new_account(account_request()));
    const obtain_request wanted = rig::request();
    r.obtain(c, wanted);
    const auto chain = r.run(c.async_certificate(r.ca.state().certificates.begin()->first));
    BOOST_REQUIRE(chain.alternates.size() == 2u);
    for (std::size_t n = 1; n <= 2; ++n) {
        const auto other = r.run(c.async_certificate(chain.alternates[n - 1]));
        BOOST_TEST(other.alternates.size() == 2u);
        std::string why;
        const auto whole = certificate::from_pem(other.pem + r.ca.root_pem(n), wanted.certificate_key, why);
        BOOST_REQUIRE_MESSAGE(whole, why);
        const auto wrong = accept(*whole, std::vector<std::string>{"www.example.com"}, r.clock->now());
        BOOST_TEST(!wrong, wrong.value_or(""));
    }
    BOOST_CHECK_THROW(r.ca.root_pem(3), std::out_of_range);
}

BOOST_AUTO_TEST_CASE(a_profile_says_the_lifetime)
{
    ca_options o;
    o.profiles["shortlived"] = testing::profile("six days", 6 * 24h);
    rig r(std::move(o));
    client c(r.options());
    r.run(c.async_new_account(account_request()));
    obtain_request wanted = rig::request();
    wanted.order.profile = "shortlived";
    const auto got = r.obtain(c, wanted);
    BOOST_TEST((got->not_after() - r.clock->now() <= 6 * 24h));
    wanted = rig::request();
    wanted.order.profile = "absent";
    BOOST_TEST((r.refusal(c, wanted).value().code() == errc::invalid_profile));
}

struct certified : rig
{
    certified()
        : rig()
        , c(options())
    {
        run(c.async_new_account(account_request()));
        got = obtain(c);
    }

    https_response ask_renewal(const std::string& id)
    {
        return ca.answer(https_request("GET", "https://ca.test/renewal-info/" + id));
    }
    testing::certificate_record& record() { return ca.state().certificates.begin()->second; }

    client c;
    certificate_ptr got;
};

BOOST_FIXTURE_TEST_CASE(renewal_information_suggests_a_window, certified)
{
    BOOST_TEST(run(c.async_directory()).renewal_info == "https://ca.test/renewal-info");
    const auto answer = ask_renewal(got->renewal_id());
    BOOST_TEST(answer.status == 200u);
    BOOST_TEST(answer.find("retry-after").value() == "21600");
    const auto body = boost::json::parse(answer.body).as_object();
    BOOST_TEST(body.at("suggestedWindow").as_object().contains("start"));
    BOOST_TEST(!body.contains("explanationURL"));
    BOOST_TEST(ask_renewal("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE").status == 404u);
    BOOST_TEST(ask_renewal("").status == 404u);
}

BOOST_FIXTURE_TEST_CASE(the_window_can_be_set_and_a_revoked_certificates_is_past, certified)
{
    ca.set_renewal_window(
        "www.example.com", testing::renewal_window(clock->now(), clock->now() + 1h, "https://ca.test/why"));
    auto body = boost::json::parse(ask_renewal(got->renewal_id()).body).as_object();
    BOOST_TEST(body.at("suggestedWindow").at("start").as_string() == "2026-06-01T00:00:00Z");
    BOOST_TEST(body.at("explanationURL").as_string() == "https://ca.test/why");

    run(c.async_revoke(std::string(got->leaf_der()), revocation_reason::superseded));
    BOOST_TEST(record().revoked.value() == 4);
    body = boost::json::parse(ask_renewal(got->renewal_id()).body).as_object();
    BOOST_TEST(body.at("suggestedWindow").at("end").as_string() == "2026-05-31T23:01:00Z");
}

BOOST_FIXTURE_TEST_CASE(a_certificate_is_replaced_once, certified)
{
    order_request o = request().order;
    o.replaces = got->renewal_id();
    const auto first = run(c.async_new_order(o));
    BOOST_TEST(first.replaces == got->renewal_id());
    BOOST_TEST((failure_of(c.async_new_order(o)).value().code() == errc::already_replaced));
    ca.state().orders.at(first.url).status = "invalid";
    BOOST_TEST(!failure_of(c.async_new_order(o)));
}

BOOST_FIXTURE_TEST_CASE(what_is_replaced_must_be_ones_own_and_alike, certified)
{
    order_request o = request({"other.example.com"}).order;
    o.replaces = got->renewal_id();
    BOOST_TEST((failure_of(c.async_new_order(o)).value().problem()->status == 400u));
    o.replaces = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE";
    BOOST_TEST((failure_of(c.async_new_order(o)).value().problem()->status == 404u));
    client stranger(options());
    run(stranger.async_new_account(account_request()));
    o = request().order;
    o.replaces = got->renewal_id();
    BOOST_TEST((failure_of(stranger.async_new_order(o)).value().problem()->status == 403u));
}

BOOST_FIXTURE_TEST_CASE(the_certificates_key_revokes_it_too, certified)
{
    client stranger(options());
    const std::string der(got->leaf_der());
    BOOST_TEST(
        (failure_of(stranger.async_revoke(der, revocation_reason::key_compromise, key::generate())).value().code() ==
            errc::unauthorized));
    run(stranger.async_revoke(der, revocation_reason::key_compromise, got->private_key()));
    BOOST_TEST(record().revoked.value() == 1);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
