#include "client/bench.hpp"

#include <boost/test/unit_test.hpp>

using namespace acme;
using namespace acme::test;
using namespace std::chrono_literals;

/// Orders whose answers are lost, and those of an earlier run.
BOOST_AUTO_TEST_SUITE(client_interrupted_order)

BOOST_AUTO_TEST_CASE(a_finalize_whose_answer_is_lost_is_looked_up_never_ordered_again)
{
    for (const bool arrived : {false, true}) {
        bench b;
        client c(b.options());
        b.warm_up(c);
        bool once = true;
        b.net->decide = [&](std::size_t, const https_request& r) {
            if (!r.url.ends_with("/finalize") || !once)
                return scripted_transport::fate::deliver;
            once = false;
            return arrived ? scripted_transport::fate::lose_answer : scripted_transport::fate::lose_request;
        };
        b.run(c.async_obtain(request_for({"example.com"}), b.responder));
        BOOST_TEST(b.net->count("POST", "/finalize") == (arrived ? 1u : 2u));
        BOOST_TEST(b.ca.state().orders.size() == 1u);
        BOOST_TEST(b.ca.state().certificates.size() == 1u);
    }
}

BOOST_AUTO_TEST_CASE(a_response_whose_answer_is_lost_is_looked_up_first)
{
    for (const bool arrived : {false, true}) {
        bench b;
        client c(b.options());
        b.warm_up(c);
        bool once = true;
        b.net->decide = [&](std::size_t, const https_request& r) {
            if (!r.url.ends_with("/tls-alpn-01") || !once)
                return scripted_transport::fate::deliver;
            once = false;
            return arrived ? scripted_transport::fate::lose_answer : scripted_transport::fate::lose_request;
        };
        b.run(c.async_obtain(request_for({"example.com"}), b.responder));
        BOOST_TEST(b.net->count("POST", "/tls-alpn-01") == (arrived ? 1u : 2u));
        check_clean(b);
    }
}

BOOST_AUTO_TEST_CASE(a_new_order_whose_answer_is_lost_is_not_repeated)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    b.net->decide = [](std::size_t, const https_request&) { return scripted_transport::fate::lose_answer; };
    const auto e = b.failure_of(c.async_obtain(request_for({"example.com"}), b.responder));
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == asio::error::connection_reset);
    BOOST_TEST(e->step() == "newOrder");
    BOOST_TEST(b.net->requests.size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_interrupted_order_is_taken_up_where_it_was)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    obtain_request r = request_for({"example.com"});
    r.order_placed = [&](const order& o) -> asio::awaitable<void> {
        r.order_url = o.url;
        throw error(errc::shut_down, "test");
        co_return;
    };
    BOOST_REQUIRE(b.failure_of(c.async_obtain(r, b.responder)));
    b.net->requests.clear();
    r.order_placed = nullptr;
    r.before_new_order = []() -> asio::awaitable<void> {
        BOOST_ERROR("no new order is needed");
        co_return;
    };
    const auto cert = b.run(c.async_obtain(r, b.responder));
    BOOST_TEST(cert->covers("example.com"));
    BOOST_TEST(b.net->count("POST", "/new-order") == 0u);
    BOOST_TEST(b.responder.begun == 1u);

    // And once more, when it is valid already: the same certificate again.
    b.net->requests.clear();
    const auto again = b.run(c.async_obtain(r, b.responder));
    BOOST_TEST(again->serial() == cert->serial());
    BOOST_TEST(b.net->requests.size() == 2u);
}

BOOST_AUTO_TEST_CASE(an_order_that_leads_nowhere_is_replaced_by_a_new_one)
{
    enum class what
    {
        unknown,
        invalid,
        other_names,
        expired
    };
    for (const what w : {what::unknown, what::invalid, what::other_names, what::expired}) {
        bench b;
        client c(b.options());
        b.warm_up(c);
        order_request old;
        old.identifiers.emplace_back("dns", w == what::other_names ? "other.example.com" : "example.com");
        const order o = b.run(c.async_new_order(old));
        if (w == what::unknown)
            b.ca.state().orders.clear();
        if (w == what::invalid)
            b.ca.state().orders.at(o.url).status = "invalid";
        if (w == what::expired)
            b.net->rewrite = [&](std::size_t, const https_request& q, https_response& a) {
                const std::string member = R"("expires":")";
                if (q.url == o.url)
                    a.body.replace(a.body.find(member) + member.size(), 20, "2026-05-31T23:59:59Z");
            };
        obtain_request r = request_for({"example.com"});
        r.order_url = o.url;
        bool asked = false;
        r.before_new_order = [&]() -> asio::awaitable<void> {
            asked = true;
            co_return;
        };
        const auto cert = b.run(c.async_obtain(r, b.responder));
        BOOST_TEST(asked);
        BOOST_TEST(cert->covers("example.com"));
        BOOST_TEST(!cert->covers("other.example.com"));
        BOOST_TEST(b.net->count("POST", "/new-order") == 2u);
    }
}

BOOST_AUTO_TEST_CASE(taking_up_an_order_without_an_account_at_the_ca_is_reported)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    obtain_request r = request_for({"example.com"});
    r.order_url = "https://ca.test/order/77";
    b.ca.state().accounts.clear();
    const auto e = b.failure_of(c.async_obtain(r, b.responder));
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::account_does_not_exist);
    BOOST_TEST(b.net->count("POST", "/new-order") == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
