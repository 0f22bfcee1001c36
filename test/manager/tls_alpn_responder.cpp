#include "manager/tls_alpn_responder.hpp"

#include "crypto/jose.hpp"
#include "kit/ca.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <vector>

namespace acme::test {
namespace {

struct responder_fixture
{
    void provision(const identifier& id, const std::string& token)
    {
        challenge c;
        c.type = "tls-alpn-01";
        c.token = token;
        boost::asio::io_context io;
        boost::asio::co_spawn(io, responder.async_provision(id, c, token + ".thumbprint"), boost::asio::detached);
        io.run();
    }

    void withdraw(const std::string& token)
    {
        challenge c;
        c.token = token;
        responder.withdraw(identifier(), c);
    }

    std::shared_ptr<credential_index> index = std::make_shared<credential_index>();
    std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
    std::vector<std::string> retired;
    tls_alpn_responder responder{index, clock, [this](std::string name, certificate_ptr c) {
                                     BOOST_TEST((index->find_challenge(name) == c));
                                     retired.push_back(std::move(name));
                                 }};
};

std::string digest_of(const std::string& text)
{
    const auto digest = sha256(text);
    return std::string(digest.begin(), digest.end());
}

bool answers(const certificate_ptr& c, const std::string& key_authorization)
{
    return c && c->leaf_der().find(digest_of(key_authorization)) != std::string_view::npos;
}

BOOST_FIXTURE_TEST_SUITE(tls_alpn_01, responder_fixture)

BOOST_AUTO_TEST_CASE(it_answers_tls_alpn_01_only)
{
    BOOST_TEST((responder.challenge_types() == std::vector<std::string>{"tls-alpn-01"}));
}

BOOST_AUTO_TEST_CASE(a_host_is_answered_under_its_name_until_it_is_retired)
{
    provision(identifier("dns", "www.example.com"), "token-1");
    const auto c = index->find_challenge("WWW.example.com.");
    BOOST_REQUIRE(c);
    BOOST_TEST(answers(c, "token-1.thumbprint"));
    BOOST_TEST((c->names() == std::vector<std::string>{"www.example.com"}));
    BOOST_TEST((c->not_before() <= chain_time && chain_time < c->not_after()));
    BOOST_TEST(index->find("www.example.com") == nullptr);
    BOOST_TEST(retired.empty());
    withdraw("token-1");
    withdraw("token-1");
    BOOST_TEST((retired == std::vector<std::string>{"www.example.com"}));
}

BOOST_AUTO_TEST_CASE(an_address_is_answered_under_its_reverse_name)
{
    provision(identifier("ip", "192.0.2.1"), "token-2");
    const auto c = index->find_challenge("1.2.0.192.in-addr.arpa");
    BOOST_REQUIRE(c);
    BOOST_TEST(answers(c, "token-2.thumbprint"));
    withdraw("token-2");
    BOOST_TEST((retired == std::vector<std::string>{"1.2.0.192.in-addr.arpa"}));
}

BOOST_AUTO_TEST_CASE(what_was_never_provisioned_is_not_retired)
{
    withdraw("token-3");
    BOOST_TEST(retired.empty());
}

BOOST_AUTO_TEST_CASE(several_names_are_answered_at_once)
{
    provision(identifier("dns", "a.example.com"), "token-a");
    provision(identifier("dns", "b.example.com"), "token-b");
    BOOST_TEST(answers(index->find_challenge("a.example.com"), "token-a.thumbprint"));
    BOOST_TEST(answers(index->find_challenge("b.example.com"), "token-b.thumbprint"));
    withdraw("token-b");
    BOOST_TEST((retired == std::vector<std::string>{"b.example.com"}));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
