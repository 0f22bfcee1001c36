#include "client/bench.hpp"

#include <boost/test/unit_test.hpp>

using namespace acme;
using namespace acme::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(client_obtain)

BOOST_AUTO_TEST_CASE(a_warm_account_obtains_with_no_request_too_many)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    const certificate_ptr cert = b.run(c.async_obtain(request_for({"a.example.com", "b.example.com"}), b.responder));
    BOOST_TEST(cert->names().size() == 2u);
    BOOST_TEST(cert->covers("a.example.com"));
    BOOST_TEST(cert->covers("b.example.com"));
    BOOST_TEST(b.net->count("HEAD") == 0u);
    BOOST_TEST(b.net->count("GET") == 0u);
    BOOST_TEST(b.net->count("POST", "/new-order") == 1u);
    BOOST_TEST(b.net->count("POST", "/tls-alpn-01") == 2u);
    BOOST_TEST(b.net->count("POST", "/finalize") == 1u);
    BOOST_TEST(b.net->count("POST", "/cert/") == 1u);
    // One fetch of each authorization to begin with, and the polls: one that finds it pending, one that finds it valid.
    BOOST_TEST(b.net->count("POST", "/authz/") == 2u + 2u * 2u + 2u);
    // The order is never fetched but to wait for its certificate.
    BOOST_TEST(b.net->count("POST", "/order/") == 1u + 1u);
    BOOST_TEST(b.clock->elapsed() < 200ms);
    BOOST_TEST(b.responder.most == 2u);
    check_clean(b);
}

BOOST_AUTO_TEST_CASE(the_fastest_ca_needs_seven_requests)
{
    bench b;
    b.ca.state().options.validation_polls = 0;
    b.ca.state().options.issuance_polls = 0;
    client c(b.options());
    b.warm_up(c);
    b.run(c.async_obtain(request_for({"example.com"}), b.responder));
    BOOST_TEST(b.net->requests.size() == 6u);
    check_clean(b);
}

BOOST_AUTO_TEST_CASE(valid_authorizations_are_not_validated_again)
{
    bench b;
    b.ca.state().options.reuse_authorizations = true;
    client c(b.options());
    b.warm_up(c);
    b.run(c.async_obtain(request_for({"example.com"}), b.responder));
    b.net->requests.clear();
    b.run(c.async_obtain(request_for({"example.com"}), b.responder));
    BOOST_TEST(b.responder.begun == 1u);
    BOOST_TEST(b.net->count("POST", "/authz/") == 0u);
    BOOST_TEST(b.net->requests.size() == 4u);
}

BOOST_AUTO_TEST_CASE(the_preferred_challenge_type_that_is_offered_is_answered)
{
    for (const std::vector<std::string>& types :
        {std::vector<std::string>{"tls-alpn-01", "http-01"}, {"http-01", "tls-alpn-01"}, {"unknown-01", "dns-01"}}) {
        bench b;
        b.responder.types = types;
        client c(b.options());
        b.warm_up(c);
        b.run(c.async_obtain(request_for({"example.com"}), b.responder));
        const std::string expected = types[0] == "unknown-01" ? "dns-01" : types[0];
        BOOST_TEST(b.net->count("POST", "/" + expected) == 1u);
    }
}

BOOST_AUTO_TEST_CASE(a_name_that_no_challenge_fits_is_refused_before_anything_is_provisioned)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    const auto e = b.failure_of(c.async_obtain(request_for({"example.com", "*.example.com"}), b.responder));
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::no_usable_challenge);
    BOOST_TEST(e->explanation().find("dns-01") != std::string::npos);
    BOOST_TEST(b.responder.begun == 0u);
}

BOOST_AUTO_TEST_CASE(a_wildcard_and_its_apex_are_two_authorizations)
{
    bench b;
    b.responder.types = {"dns-01"};
    client c(b.options());
    b.warm_up(c);
    const auto cert = b.run(c.async_obtain(request_for({"example.com", "*.example.com"}), b.responder));
    BOOST_TEST(cert->covers("example.com"));
    BOOST_TEST(cert->covers("www.example.com"));
    BOOST_TEST(b.responder.begun == 2u);
    check_clean(b);
}

BOOST_AUTO_TEST_CASE(a_failed_validation_is_reported_with_the_cas_words)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    b.ca.state().options.validate = [](const validation&) {
        return "Timeout during connect (likely firewall problem)";
    };
    const auto e = b.failure_of(c.async_obtain(request_for({"a.example.com", "b.example.com"}), b.responder));
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::authorization_invalid);
    BOOST_REQUIRE(e->problem());
    BOOST_TEST(e->problem()->detail == "Timeout during connect (likely firewall problem)");
    const bool named = e->explanation() == "the authorization for a.example.com is invalid" ||
        e->explanation() == "the authorization for b.example.com is invalid";
    BOOST_TEST(named, e->explanation());
    BOOST_TEST(b.net->count("POST", "/finalize") == 0u);
    check_clean(b);
}

BOOST_AUTO_TEST_CASE(a_provision_that_fails_is_withdrawn_and_nothing_is_responded_to)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    b.responder.fail_at = 2;
    const auto e = b.failure_of(c.async_obtain(request_for({"a.example.com", "b.example.com"}), b.responder));
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::dns);
    BOOST_TEST(b.responder.withdrawn == 2u);
    BOOST_TEST(b.net->count("POST", "/tls-alpn-01") == 0u);
    check_clean(b);
}

BOOST_AUTO_TEST_CASE(a_retry_after_is_obeyed_up_to_a_minute)
{
    struct
    {
        const char* retry_after;
        std::chrono::seconds each;
    } const cases[] = {{"5", 5s}, {"60", 60s}, {"3600", 60s}, {"1000000000000", 60s}};
    for (const auto& row : cases) {
        bench b;
        b.ca.state().options.validation_polls = 2;
        b.ca.state().options.retry_after = row.retry_after;
        client c(b.options());
        b.warm_up(c);
        b.run(c.async_obtain(request_for({"example.com"}), b.responder));
        // Before the first response there is nothing to wait for; then three polls of the authorization and one of the
        // order.
        BOOST_TEST(b.clock->elapsed() == row.each * 4);
    }
    for (const char* garbage : {"soon", "-1", "0", ""}) {
        bench b;
        b.ca.state().options.retry_after = garbage;
        client c(b.options());
        b.warm_up(c);
        b.run(c.async_obtain(request_for({"example.com"}), b.responder));
        BOOST_TEST(b.clock->elapsed() < 200ms);
    }
}

BOOST_AUTO_TEST_CASE(a_retry_after_may_be_a_date)
{
    bench b;
    b.ca.state().options.retry_after = "Mon, 01 Jun 2026 00:00:30 GMT";
    client c(b.options());
    b.warm_up(c);
    b.run(c.async_obtain(request_for({"example.com"}), b.responder));
    BOOST_TEST((b.clock->now() >= chain_time + 30s));
    BOOST_TEST(b.clock->elapsed() < 31s);
}

BOOST_AUTO_TEST_CASE(polling_backs_off_and_ends_with_the_time_limit)
{
    bench b;
    b.ca.state().options.validation_polls = 1'000'000;
    client c(b.options());
    b.warm_up(c);
    obtain_request r = request_for({"example.com"});
    r.timeout = 300s;
    const auto e = b.failure_of(c.async_obtain(r, b.responder));
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::timed_out);
    BOOST_TEST(b.clock->elapsed() == 300s);
    BOOST_TEST(b.net->requests.size() < 60u);
    check_clean(b);
}

BOOST_AUTO_TEST_CASE(a_ca_that_never_answers_ends_with_the_time_limit)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    b.net->decide = [](std::size_t, const https_request&) { return scripted_transport::fate::hang; };
    obtain_request r = request_for({"example.com"});
    r.timeout = 60s;
    const auto e = b.failure_of(c.async_obtain(r, b.responder));
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::timed_out);
    BOOST_TEST(b.clock->elapsed() == 60s);
    check_clean(b);
}

BOOST_AUTO_TEST_CASE(the_hooks_are_called_once_each_and_in_time)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    obtain_request r = request_for({"example.com"});
    std::string seen;
    std::string saved;
    r.before_new_order = [&]() -> asio::awaitable<void> {
        BOOST_TEST(b.net->count("POST", "/new-order") == 0u);
        seen += "order ";
        co_await b.clock->async_wait(std::chrono::hours(1));
    };
    r.order_placed = [&](const order& o) -> asio::awaitable<void> {
        BOOST_TEST(b.net->requests.back().url.ends_with("/new-order"));
        seen += "placed";
        saved = o.url;
        co_return;
    };
    b.run(c.async_obtain(r, b.responder));
    // The hour that a rate limit took is not the CA's: the time limit is ten minutes.
    BOOST_TEST(seen == "order placed");
    BOOST_TEST(b.ca.state().orders.contains(saved));
}

BOOST_AUTO_TEST_CASE(a_hook_that_fails_ends_the_order)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    obtain_request r = request_for({"example.com"});
    r.order_placed = [&](const order&) -> asio::awaitable<void> {
        throw error(errc::damaged_state, "saving");
        co_return;
    };
    const auto e = b.failure_of(c.async_obtain(r, b.responder));
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::damaged_state);
    BOOST_TEST(b.net->count("POST", "/finalize") == 0u);
    check_clean(b);
}

BOOST_AUTO_TEST_CASE(an_order_is_replaced_only_once)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    obtain_request r = request_for({"example.com"});
    r.order.replaces = b.run(c.async_obtain(r, b.responder))->renewal_id();
    for (const unsigned requests : {2u, 4u}) {
        r.certificate_key = key::generate();
        b.run(c.async_obtain(r, b.responder));
        BOOST_TEST(b.net->count("POST", "/new-order") == requests);
    }
    BOOST_TEST(b.ca.state().orders.size() == 3u);
}

BOOST_AUTO_TEST_CASE(order_not_ready_leads_to_the_order_itself)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    unsigned refusals = 2;
    b.net->rewrite = [&](std::size_t, const https_request& r, https_response& a) {
        if (r.url.ends_with("/finalize") && refusals > 0) {
            --refusals;
            a = problem_answer(403, "orderNotReady", "not yet");
            for (auto& [url, o] : b.ca.state().orders)
                o.status = "ready";
        }
    };
    b.run(c.async_obtain(request_for({"example.com"}), b.responder));
    BOOST_TEST(b.net->count("POST", "/finalize") == 3u);
    BOOST_TEST(b.net->count("POST", "/new-order") == 1u);
}

BOOST_AUTO_TEST_CASE(a_certificate_that_does_not_fit_its_order_is_rejected)
{
    using change = std::function<void(leaf_contents&)>;
    const change changes[] = {
        [](leaf_contents& o) { o.names.push_back("extra.example.com"); },
        [](leaf_contents& o) { o.names = {"other.example.com"}; },
        [](leaf_contents& o) { o.not_after = chain_time - 1h; },
        [](leaf_contents& o) { o.not_before = chain_time + 24h; },
        [](leaf_contents& o) { o.ca = true; },
        [](leaf_contents& o) { o.server_auth = false, o.client_auth = true; },
    };
    for (const auto& apply : changes) {
        bench b;
        b.ca.state().options.on_issue = apply;
        client c(b.options());
        b.warm_up(c);
        const auto e = b.failure_of(c.async_obtain(request_for({"example.com"}), b.responder));
        BOOST_REQUIRE(e);
        BOOST_TEST(e->code() == errc::certificate_rejected);
        BOOST_TEST(!e->explanation().empty());
    }
}

BOOST_AUTO_TEST_CASE(somebody_elses_certificate_is_rejected)
{
    const made_chain other = make_chain(chain_options({"example.com"}));
    for (const std::string& pem : {other.pem, other.leaf_pem, std::string(), other.pem + other.leaf_key.to_pem()}) {
        bench b;
        client c(b.options());
        b.warm_up(c);
        b.net->rewrite = [&](std::size_t, const https_request& r, https_response& a) {
            if (r.url.find("/cert/") != std::string::npos)
                a.body = pem;
        };
        const auto e = b.failure_of(c.async_obtain(request_for({"example.com"}), b.responder));
        BOOST_REQUIRE(e);
        BOOST_TEST(e->code() == errc::certificate_rejected);
    }
}

BOOST_AUTO_TEST_CASE(the_ca_cannot_make_us_prove_other_names)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    b.net->rewrite = [](std::size_t, const https_request& r, https_response& a) {
        const auto at = r.url.find("/authz/") != std::string::npos ? a.body.find("\"example.com\"") : std::string::npos;
        if (at != std::string::npos)
            a.body.replace(at, 13, "\"victim.test\"");
    };
    const auto e = b.failure_of(c.async_obtain(request_for({"example.com"}), b.responder));
    BOOST_REQUIRE(e);
    BOOST_TEST(b.responder.begun == 0u);
    BOOST_TEST(b.net->count("POST", "/tls-alpn-01") == 0u);
}

BOOST_AUTO_TEST_CASE(the_account_key_is_no_certificate_key)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    obtain_request r = request_for({"example.com"});
    r.certificate_key = c.account_key();
    const auto e = b.failure_of(c.async_obtain(r, b.responder));
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::bad_csr);
}

BOOST_AUTO_TEST_CASE(many_orders_at_once_go_through)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    std::size_t good = 0;
    for (int i = 0; i < 100; ++i)
        asio::co_spawn(b.io, c.async_obtain(request_for({"h" + std::to_string(i) + ".example.com"}), b.responder),
            [&](std::exception_ptr e, certificate_ptr cert) { good += !e && cert ? 1 : 0; });
    b.clock->run(b.io);
    BOOST_TEST(good == 100u);
    BOOST_TEST(b.net->count("HEAD") <= 4u);
    check_clean(b);
}

BOOST_AUTO_TEST_SUITE_END()
