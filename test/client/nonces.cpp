#include "client/bench.hpp"
#include "client/nonce_pool.hpp"

#include <boost/test/unit_test.hpp>

using namespace acme;
using namespace acme::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(client_nonces)

BOOST_AUTO_TEST_CASE(the_last_in_is_the_first_out_and_each_is_given_once)
{
    nonce_pool pool;
    BOOST_TEST(!pool.take(chain_time));
    pool.put("a", chain_time);
    pool.put("b", chain_time);
    pool.put("a", chain_time);
    BOOST_TEST(pool.take(chain_time).value() == "a");
    BOOST_TEST(pool.take(chain_time).value() == "b");
    BOOST_TEST(!pool.take(chain_time));
}

BOOST_AUTO_TEST_CASE(at_most_64_are_kept_the_newest)
{
    nonce_pool pool;
    for (int i = 0; i < 1000; ++i)
        pool.put("n" + std::to_string(i), chain_time);
    for (int i = 999; i >= 936; --i)
        BOOST_TEST(pool.take(chain_time).value() == "n" + std::to_string(i));
    BOOST_TEST(!pool.take(chain_time));
}

BOOST_AUTO_TEST_CASE(an_old_nonce_is_not_used_nor_one_from_the_future)
{
    nonce_pool pool;
    pool.put("a", chain_time);
    BOOST_TEST(pool.take(chain_time + 1h).has_value());
    pool.put("a", chain_time);
    BOOST_TEST(!pool.take(chain_time + 1h + 1s));
    pool.put("a", chain_time);
    BOOST_TEST(!pool.take(chain_time - 1s));
}

BOOST_AUTO_TEST_CASE(what_is_no_nonce_is_ignored)
{
    nonce_pool pool;
    for (const std::string& bad : {std::string(), std::string("a b"), std::string("a\r\nb"), std::string("a="),
             std::string("a\0b", 3), std::string(513, 'a'), std::string("\xc3\xa9")})
        pool.put(bad, chain_time);
    BOOST_TEST(!pool.take(chain_time));
    pool.put("AZaz09-_", chain_time);
    BOOST_TEST(pool.take(chain_time).has_value());
}

BOOST_AUTO_TEST_CASE(a_refused_nonce_is_replaced_by_the_one_in_the_refusal)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    b.refuse_nonces(1);
    b.run(c.async_account());
    BOOST_TEST(b.net->requests.size() == 2u);
    BOOST_TEST(b.net->count("HEAD") == 0u);
}

BOOST_AUTO_TEST_CASE(nine_refusals_are_survived_and_ten_are_not)
{
    for (const unsigned refusals : {9u, 10u}) {
        bench b;
        client c(b.options());
        b.warm_up(c);
        b.refuse_nonces(refusals);
        const auto e = b.failure_of(c.async_account());
        BOOST_TEST(e.has_value() == (refusals == 10));
        BOOST_TEST(b.net->requests.size() == 10u);
        if (e)
            BOOST_TEST(e->code() == errc::bad_nonce);
    }
}

BOOST_AUTO_TEST_CASE(a_refusal_without_a_nonce_leads_to_one_new_nonce)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    b.refuse_nonces(1);
    b.net->rewrite = [](std::size_t, const https_request&, https_response& a) {
        if (a.status == 400)
            std::erase_if(a.fields, [](const auto& f) { return f.first == "replay-nonce"; });
    };
    b.run(c.async_account());
    BOOST_TEST(b.net->count("HEAD") == 1u);
    BOOST_TEST(b.net->count("POST") == 2u);
}

BOOST_AUTO_TEST_CASE(a_ca_without_nonces_is_a_typed_error)
{
    bench b;
    b.net->rewrite = [](std::size_t, const https_request&, https_response& a) {
        std::erase_if(a.fields, [](const auto& f) { return f.first == "replay-nonce"; });
    };
    client c(b.options());
    const auto e = b.failure_of(c.async_new_account(account_request()));
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::unexpected_answer);
    BOOST_TEST(e->step() == "newNonce");
    BOOST_TEST(b.net->requests.size() == 2u);
}

BOOST_AUTO_TEST_CASE(the_same_nonce_for_ever_ends)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    b.net->rewrite = [](std::size_t, const https_request&, https_response& a) {
        for (auto& [name, value] : a.fields)
            if (name == "replay-nonce")
                value = "the-same";
    };
    b.run(c.async_account());
    const auto e = b.failure_of(c.async_account());
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::bad_nonce);
    BOOST_TEST(b.net->requests.size() == 11u);
}

BOOST_AUTO_TEST_CASE(nonces_are_not_kept_for_longer_than_an_hour)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    b.clock->advance(61min);
    b.run(c.async_account());
    BOOST_TEST(b.net->count("HEAD") == 1u);
}

BOOST_AUTO_TEST_CASE(concurrent_operations_share_the_directory_and_few_nonces)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    client_options o = b.options();
    o.account_key = c.account_key();
    o.account_url = c.account_url();
    client cold(o);
    std::size_t done = 0;
    for (int i = 0; i < 50; ++i)
        asio::co_spawn(b.io, cold.async_account(), [&](std::exception_ptr e, account) { done += e ? 0 : 1; });
    b.clock->run(b.io);
    BOOST_TEST(done == 50u);
    BOOST_TEST(b.net->count("GET", "/directory") == 1u);
    BOOST_TEST(b.net->count("HEAD") <= 4u);
    BOOST_TEST(b.net->count("POST") == 50u);
}

BOOST_AUTO_TEST_CASE(a_request_that_went_out_twice_is_not_signed_again_where_that_could_do_it_twice)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    b.refuse_nonces(1);
    b.net->rewrite = [](std::size_t, const https_request&, https_response& a) { a.resent = true; };
    order_request request;
    request.identifiers.emplace_back("dns", "example.com");
    const auto e = b.failure_of(c.async_new_order(request));
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::bad_nonce);
    b.refuse_nonces(1);
    b.run(c.async_account());
}

BOOST_AUTO_TEST_SUITE_END()
