#include "client/bench.hpp"
#include "crypto/csr.hpp"
#include "testing/jws.hpp"

#include <boost/test/unit_test.hpp>

using namespace acme;
using namespace acme::test;
using namespace std::chrono_literals;

namespace {

order_request order_for(std::vector<std::string> names)
{
    order_request r;
    for (auto& name : names)
        r.identifiers.emplace_back("dns", std::move(name));
    return r;
}

// An order which is ready to be finalized, by the single operations.
order ready_order(bench& b, client& c, const std::string& name)
{
    order o = b.run(c.async_new_order(order_for({name})));
    authorization a = b.run(c.async_authorization(o.authorizations.at(0)));
    challenge ch = a.challenges.at(0);
    b.responder.answers[ch.token] = c.key_authorization(ch);
    BOOST_TEST((b.run(c.async_respond(ch)).status == challenge_status::processing));
    while (a.status == authorization_status::pending)
        a = b.run(c.async_authorization(a.url));
    BOOST_REQUIRE((a.status == authorization_status::valid));
    return b.run(c.async_order(o.url));
}

} // namespace

BOOST_AUTO_TEST_SUITE(client_operations)

BOOST_AUTO_TEST_CASE(the_directory_is_fetched_once_an_hour)
{
    bench b;
    client c(b.options());
    const directory d = b.run(c.async_directory());
    BOOST_TEST(d.new_order == "https://ca.test/new-order");
    BOOST_TEST(d.terms_of_service == "https://ca.test/terms");
    b.clock->advance(59min);
    b.run(c.async_directory());
    BOOST_TEST(b.net->requests.size() == 1u);
    b.clock->advance(1min);
    b.run(c.async_directory());
    BOOST_TEST(b.net->requests.size() == 2u);
    // A clock that was set back proves nothing about the age.
    b.clock->set(chain_time - 24h);
    b.run(c.async_directory());
    BOOST_TEST(b.net->requests.size() == 3u);
}

BOOST_AUTO_TEST_CASE(a_resource_that_moved_is_found_in_a_new_directory)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    unsigned gone = 1;
    b.net->rewrite = [&](std::size_t, const https_request& r, https_response& a) {
        if (r.url == "https://ca.test/new-order" && gone > 0) {
            --gone;
            a = problem_answer(404, "malformed", "no such resource");
        }
    };
    b.run(c.async_new_order(order_for({"example.com"})));
    BOOST_TEST(b.net->count("GET", "/directory") == 1u);
    BOOST_TEST(b.net->count("POST", "/new-order") == 2u);

    gone = 100;
    b.net->requests.clear();
    BOOST_TEST(b.failure_of(c.async_new_order(order_for({"example.com"}))).has_value());
    BOOST_TEST(b.net->count("POST", "/new-order") == 2u);
}

BOOST_AUTO_TEST_CASE(an_operation_that_the_ca_does_not_offer_is_not_attempted)
{
    bench b;
    b.net->rewrite = [](std::size_t, const https_request& r, https_response& a) {
        if (r.method == "GET")
            a.body = R"({"newNonce":"https://ca.test/new-nonce","newAccount":"https://ca.test/new-account",)"
                     R"("newOrder":"https://ca.test/new-order"})";
    };
    client c(b.options());
    b.warm_up(c);
    const auto e = b.failure_of(c.async_key_change(key::generate()));
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::unexpected_answer);
    BOOST_TEST(b.net->count("POST") == 0u);
}

BOOST_AUTO_TEST_CASE(an_order_goes_through_operation_by_operation)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    const order ready = ready_order(b, c, "example.com");
    BOOST_TEST((ready.status == order_status::ready));
    const key certificate_key = key::generate();
    const std::vector<std::string> names(1, "example.com");
    order o = b.run(c.async_finalize(ready, make_csr(names, certificate_key)));
    BOOST_TEST((o.status == order_status::processing));
    BOOST_TEST(o.url == ready.url);
    o = b.run(c.async_order(o.url));
    BOOST_REQUIRE((o.status == order_status::valid));
    const certificate_chain chain = b.run(c.async_certificate(o.certificate));
    BOOST_TEST(chain.alternates.size() == 1u);
    BOOST_TEST(chain.alternates.at(0) == o.certificate + "/1");
    std::string why;
    const auto cert = certificate::from_pem(chain.pem, certificate_key, why);
    BOOST_REQUIRE_MESSAGE(cert, why);
    BOOST_TEST(!accept(*cert, names, b.clock->now()).has_value());
}

BOOST_AUTO_TEST_CASE(a_profile_is_asked_for_and_an_unknown_one_refused)
{
    bench b;
    b.ca.state().options.profiles["shortlived"] = "six days";
    client c(b.options());
    b.warm_up(c);
    order_request r = order_for({"example.com"});
    r.profile = "shortlived";
    BOOST_TEST(b.run(c.async_new_order(r)).profile == "shortlived");
    r.profile = "other";
    const auto e = b.failure_of(c.async_new_order(r));
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::invalid_profile);
}

BOOST_AUTO_TEST_CASE(an_authorization_can_be_deactivated)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    const order o = b.run(c.async_new_order(order_for({"example.com"})));
    const authorization a = b.run(c.async_deactivate_authorization(o.authorizations.at(0)));
    BOOST_TEST((a.status == authorization_status::deactivated));
    BOOST_TEST((b.run(c.async_order(o.url)).status == order_status::invalid));
}

BOOST_AUTO_TEST_CASE(a_challenge_response_is_an_empty_object_and_a_fetch_an_empty_payload)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    const order o = b.run(c.async_new_order(order_for({"example.com"})));
    const authorization a = b.run(c.async_authorization(o.authorizations.at(0)));
    BOOST_TEST(testing::read_jws(b.net->requests.back().body).payload.empty());
    b.run(c.async_respond(a.challenges.at(0)));
    BOOST_TEST(testing::read_jws(b.net->requests.back().body).payload == "{}");
    BOOST_TEST(b.net->requests.back().content_type == "application/jose+json");
}

BOOST_AUTO_TEST_CASE(revocation_by_account_and_by_key_and_twice)
{
    for (const bool by_key : {false, true}) {
        bench b;
        client c(b.options());
        b.warm_up(c);
        const obtain_request request = request_for({"example.com"});
        const certificate_ptr cert = b.run(c.async_obtain(request, b.responder));
        const std::string der(cert->leaf_der());
        if (by_key) {
            client stranger(b.options());
            b.run(stranger.async_revoke(der, revocation_reason::key_compromise, request.certificate_key));
            b.run(stranger.async_revoke(der, revocation_reason::key_compromise, request.certificate_key));
        } else {
            b.run(c.async_revoke(der, revocation_reason::superseded));
            b.run(c.async_revoke(der, revocation_reason::superseded));
        }
        BOOST_TEST(b.ca.state().certificates.begin()->second.revoked.value() == (by_key ? 1 : 4));
    }
}

BOOST_AUTO_TEST_CASE(revocation_with_a_foreign_key_is_refused)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    const certificate_ptr cert = b.run(c.async_obtain(request_for({"example.com"}), b.responder));
    const auto e = b.failure_of([&]() -> asio::awaitable<int> {
        co_await c.async_revoke(std::string(cert->leaf_der()), revocation_reason::unspecified, key::generate());
        co_return 0;
    }());
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::unauthorized);
    BOOST_TEST(e->step() == "revokeCert");
    BOOST_TEST(!b.ca.state().certificates.begin()->second.revoked.has_value());
}

BOOST_AUTO_TEST_CASE(a_rate_limit_says_when_to_come_back_in_both_forms)
{
    for (const char* form : {"3600", "Mon, 01 Jun 2026 01:00:00 GMT"}) {
        bench b;
        client c(b.options());
        b.warm_up(c);
        b.net->rewrite = [&](std::size_t, const https_request&, https_response& a) {
            a = problem_answer(429, "rateLimited", "too many orders");
            a.fields.emplace_back("retry-after", form);
        };
        const auto e = b.failure_of(c.async_new_order(order_for({"example.com"})));
        BOOST_REQUIRE(e);
        BOOST_TEST(e->code() == errc::rate_limited);
        BOOST_TEST((e->retry() == retry_advice::at(chain_time + 1h)));
        BOOST_TEST((e->problem()->retry_after == chain_time + 1h));
        BOOST_TEST(b.net->requests.size() == 1u);
    }
}

BOOST_AUTO_TEST_SUITE_END()
