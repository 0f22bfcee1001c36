#include "crypto/jose.hpp"
#include "testing/rig.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/test/unit_test.hpp>

#include <random>

namespace acme::test {
namespace {

namespace json = boost::json;

// Speaks to a CA in its own words.
struct speaker : rig
{
    key account = key::generate();
    std::string url = "https://ca.test/new-account";
    std::string kid;

    std::string nonce()
    {
        const auto answer = ca.answer(https_request("HEAD", "https://ca.test/new-nonce"));
        return std::string(answer.find("replay-nonce").value());
    }

    json::object header()
    {
        json::object h;
        h["alg"] = "ES256";
        h["nonce"] = nonce();
        h["url"] = url;
        if (kid.empty())
            h["jwk"] = json::parse(jwk(account));
        else
            h["kid"] = kid;
        return h;
    }

    https_response post(const std::string& body)
    {
        https_request request("POST", url);
        request.content_type = "application/jose+json";
        request.body = body;
        return ca.answer(request);
    }
    https_response say(const std::string& payload)
    {
        return post(sign_jws(account, json::serialize(header()), payload));
    }

    void enrol()
    {
        const auto answer = say(R"({"termsOfServiceAgreed":true})");
        BOOST_REQUIRE(answer.status == 201u);
        kid = std::string(answer.find("location").value());
        url = "https://ca.test/new-order";
    }
};

std::string type_of(const https_response& answer)
{
    const auto body = json::parse(answer.body).as_object();
    return std::string(body.at("type").as_string()).substr(std::string("urn:ietf:params:acme:error:").size());
}

BOOST_AUTO_TEST_SUITE(hostile_requests)

BOOST_FIXTURE_TEST_CASE(what_is_no_jws_is_malformed, speaker)
{
    for (const char* body : {"", "{}", "[]", "null", "{", "\xff", R"({"protected":1,"payload":2,"signature":3})",
             R"({"protected":"","payload":"","signature":""})", R"({"protected":"e30","payload":"","signature":""})",
             R"({"protected":"bnVsbA","payload":"","signature":""})"}) {
        const auto answer = post(body);
        BOOST_TEST(answer.status == 400u);
        BOOST_TEST(type_of(answer) == "malformed");
    }
    std::string deep;
    for (int i = 0; i < 100'000; ++i)
        deep += '[';
    BOOST_TEST(post(deep).status == 400u);
}

BOOST_FIXTURE_TEST_CASE(a_request_is_signed_for_its_url_with_a_nonce_of_ours, speaker)
{
    auto h = header();
    h["nonce"] = "made up";
    BOOST_TEST(type_of(post(sign_jws(account, json::serialize(h), "{}"))) == "badNonce");
    h = header();
    h["url"] = "https://ca.test/new-order";
    BOOST_TEST(post(sign_jws(account, json::serialize(h), "{}")).status == 403u);
    h = header();
    BOOST_TEST(post(sign_jws(key::generate(), json::serialize(h), "{}")).status == 403u);
    h = header();
    const std::string once = sign_jws(account, json::serialize(h), R"({"termsOfServiceAgreed":true})");
    BOOST_TEST(post(once).status == 201u);
    BOOST_TEST(type_of(post(once)) == "badNonce");
    https_request plain("POST", url);
    plain.body = once;
    BOOST_TEST(ca.answer(plain).status == 415u);
}

BOOST_FIXTURE_TEST_CASE(a_key_that_is_none_is_refused, speaker)
{
    for (const char* bad : {R"({})", R"({"kty":"oct","k":"AAAA"})", R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})",
             R"({"kty":"EC","crv":"P-521","x":"AA","y":"AA"})", R"({"kty":1})", R"({"kty":"RSA","n":"AA","e":"AQAB"})",
             R"({"kty":"RSA","n":"","e":""})"}) {
        auto h = header();
        h["jwk"] = json::parse(bad);
        const auto answer = post(sign_jws(account, json::serialize(h), "{}"));
        BOOST_TEST(answer.status >= 400u, bad);
    }
    BOOST_TEST(ca.state().accounts.empty());
}

BOOST_FIXTURE_TEST_CASE(orders_for_no_names_are_refused, speaker)
{
    enrol();
    for (const char* bad : {"{}", "[]", "null", R"({"identifiers":1})", R"({"identifiers":[]})",
             R"({"identifiers":[{}]})", R"({"identifiers":[{"type":"dns"}]})",
             R"({"identifiers":[{"type":"dns","value":""}]})", R"({"identifiers":[{"type":"dns","value":"a..b"}]})",
             R"({"identifiers":[{"type":"dns","value":"A.example"}]})",
             R"({"identifiers":[{"type":"dns","value":"1.2.3.4"}]})",
             R"({"identifiers":[{"type":"ip","value":"example.com"}]})",
             R"({"identifiers":[{"type":"email","value":"a@b"}]})",
             R"({"identifiers":[{"type":"dns","value":"a.b"},{"type":"dns","value":"a.b"}]})",
             R"({"identifiers":[{"type":"dns","value":"a.b"}],"profile":7})",
             R"({"identifiers":[{"type":"dns","value":"a.b"}],"replaces":{}})"})
        BOOST_TEST(say(bad).status >= 400u, bad);
    BOOST_TEST(ca.state().orders.empty());
    BOOST_TEST(say(R"({"identifiers":[{"type":"dns","value":"*.a.b"},{"type":"ip","value":"::1"}]})").status == 201u);
}

BOOST_FIXTURE_TEST_CASE(urls_that_are_none_of_ours_are_not_found, speaker)
{
    enrol();
    for (const char* path : {"", "/", "//", "/account/", "/account/99", "/order/1/finalize/x", "/authz/1/http-01",
             "/cert/1/99999999999999999999", "/m99999999999/new-order", "/m1/new-order", "/renewal-info/",
             "/revoke-cert/x", "/new-orderx", "/directory/x"}) {
        url = "https://ca.test" + std::string(path);
        BOOST_TEST(say("").status >= 400u, path);
    }
    for (const char* anywhere : {"", "x", "https://other.test/directory", "https://ca.testx/directory"})
        BOOST_TEST(ca.answer(https_request("GET", anywhere)).status == 404u);
    for (const char* path : {"/account/1", "/new-order", "/order/1", "/cert/1"})
        BOOST_TEST(ca.answer(https_request("GET", "https://ca.test" + std::string(path))).status == 405u);
    BOOST_TEST(ca.answer(https_request("DELETE", "https://ca.test/directory")).status == 405u);
}

BOOST_FIXTURE_TEST_CASE(every_damage_to_a_good_request_is_survived, speaker)
{
    enrol();
    std::mt19937 random(7);
    for (int i = 0; i < 2'000; ++i) {
        std::string body = sign_jws(account, json::serialize(header()),
            R"({"identifiers":[{"type":"dns","value":"www.example.com"}],"replaces":"a.b"})");
        body[random() % body.size()] = static_cast<char>(random());
        if (i % 3 == 0)
            body.resize(random() % body.size());
        const auto answer = post(body);
        BOOST_TEST_REQUIRE(answer.status >= 200u);
    }
}

BOOST_FIXTURE_TEST_CASE(a_csr_that_is_none_is_refused, speaker)
{
    enrol();
    const auto made = say(R"({"identifiers":[{"type":"dns","value":"www.example.com"}]})");
    const std::string order_url(made.find("location").value());
    ca.change([&](testing::ca_state& s) {
        s.orders.at(order_url).status = "ready";
        for (auto& [u, z] : s.authorizations)
            z.status = "valid";
    });
    url = order_url + "/finalize";
    for (const char* bad : {"{}", R"({"csr":1})", R"({"csr":"!"})", R"({"csr":""})", R"({"csr":"MAA"})", "[]"})
        BOOST_TEST(say(bad).status == 400u, bad);
    BOOST_TEST(ca.state().orders.at(order_url).status == "ready");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
