#include "kit/ca.hpp"
#include "manager/challenge_responder.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <exception>

namespace acme::test {
namespace {

using std::chrono::seconds;

const std::string token = "abcdefghijklmnopqrstuvwxyz-_012345";

challenge offered(const std::string& type, const std::string& t = token)
{
    challenge c;
    c.type = type;
    c.token = t;
    return c;
}

const identifier host("dns", "www.example.com");

struct responders
{
    void provision(responder& r, const challenge& c)
    {
        std::exception_ptr failure;
        boost::asio::io_context io;
        auto keep = [&](std::exception_ptr e) { failure = e; };
        boost::asio::co_spawn(io, r.async_provision(host, c, c.token + ".thumbprint"), keep);
        io.run();
        if (failure)
            std::rethrow_exception(failure);
    }

    std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
    std::shared_ptr<credential_index> index = std::make_shared<credential_index>(clock);
    unsigned retired = 0;
    std::vector<std::string> chosen;
    tls_alpn_responder over_tls{index, clock, [this](std::string, certificate_ptr) { ++retired; }};
    http_responder over_http{index, seconds(10)};
    challenge_responder both{
        {"http-01", "tls-alpn-01"}, over_tls, over_http, [this](const std::string& type) { chosen.push_back(type); }};
};

BOOST_FIXTURE_TEST_SUITE(responders_of_an_order, responders)

BOOST_AUTO_TEST_CASE(http_01_is_answered_until_ten_seconds_after_it_was_withdrawn)
{
    BOOST_TEST((over_http.challenge_types() == std::vector<std::string>{"http-01"}));
    provision(over_http, offered("http-01"));
    const auto c = index->find_http_challenge(token);
    BOOST_REQUIRE(c);
    BOOST_TEST(c->host == "www.example.com");
    BOOST_TEST(c->key_authorization == token + ".thumbprint");
    BOOST_TEST(!index->find_challenge("www.example.com"));
    clock->advance(seconds(100));
    over_http.withdraw(host, offered("http-01"));
    over_http.withdraw(host, offered("http-01"));
    clock->advance(seconds(9));
    BOOST_TEST((index->find_http_challenge(token) == c));
    clock->advance(seconds(1));
    BOOST_TEST(!index->find_http_challenge(token));
}

BOOST_AUTO_TEST_CASE(a_token_that_is_none_is_refused)
{
    for (const std::string bad : {"", "short", "../../../../../../../etc/passwd", "abcdefghijklmnopqrstuvwxyz?"}) {
        const auto refused = [](const error& e) { return e.code() == errc::no_usable_challenge; };
        BOOST_CHECK_EXCEPTION(provision(over_http, offered("http-01", bad)), error, refused);
        over_http.withdraw(host, offered("http-01", bad));
    }
    BOOST_TEST(index->http_challenges.size() == 0U);
}

BOOST_AUTO_TEST_CASE(each_kind_goes_its_way_and_is_told)
{
    BOOST_TEST((both.challenge_types() == std::vector<std::string>{"http-01", "tls-alpn-01"}));
    provision(both, offered("tls-alpn-01"));
    BOOST_TEST(index->find_challenge("www.example.com"));
    BOOST_TEST(!index->find_http_challenge(token));
    both.withdraw(host, offered("tls-alpn-01"));
    BOOST_TEST(retired == 1U);
    provision(both, offered("http-01"));
    BOOST_TEST(index->find_http_challenge(token));
    both.withdraw(host, offered("http-01"));
    BOOST_TEST(retired == 1U);
    clock->advance(seconds(10));
    BOOST_TEST(!index->find_http_challenge(token));
    BOOST_TEST((chosen == std::vector<std::string>{"tls-alpn-01", "http-01"}));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
