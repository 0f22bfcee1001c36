#include "protocol/request.hpp"

#include <boost/json/parse.hpp>
#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

namespace {

using strings = std::vector<std::string>;

const strings no_contact;

} // namespace

BOOST_AUTO_TEST_SUITE(request)

BOOST_AUTO_TEST_CASE(new_account_sends_only_what_is_there)
{
    BOOST_TEST(acme::new_account_payload(no_contact, true, "", false) == R"({"termsOfServiceAgreed":true})");
    BOOST_TEST(acme::new_account_payload(no_contact, false, "", false) == "{}");
    BOOST_TEST(acme::new_account_payload(no_contact, false, "", true) == R"({"onlyReturnExisting":true})");
    const strings contacts{"mailto:cert-admin@example.org", "mailto:admin@example.org"};
    BOOST_TEST(acme::new_account_payload(contacts, true, R"({"protected":"p","payload":"q","signature":"s"})", false) ==
        R"({"termsOfServiceAgreed":true,"contact":["mailto:cert-admin@example.org","mailto:admin@example.org"],)"
        R"("externalAccountBinding":{"protected":"p","payload":"q","signature":"s"}})");
}

BOOST_AUTO_TEST_CASE(account_updates)
{
    BOOST_TEST(
        acme::update_account_payload(strings{"mailto:a@example.org"}) == R"({"contact":["mailto:a@example.org"]})");
    BOOST_TEST(acme::update_account_payload(no_contact) == R"({"contact":[]})");
    BOOST_TEST(acme::deactivate_payload() == R"({"status":"deactivated"})");
}

BOOST_AUTO_TEST_CASE(new_order_leaves_absent_members_out)
{
    const std::vector<acme::identifier> names{{"dns", "www.example.org"}, {"dns", "example.org"}};
    BOOST_TEST(acme::new_order_payload(names, "", "") ==
        R"({"identifiers":[{"type":"dns","value":"www.example.org"},{"type":"dns","value":"example.org"}]})");
    const std::vector<acme::identifier> one{{"ip", "2001:db8::1"}};
    BOOST_TEST(acme::new_order_payload(one, "shortlived", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE") ==
        R"({"identifiers":[{"type":"ip","value":"2001:db8::1"}],"profile":"shortlived",)"
        R"("replaces":"aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"})");
}

BOOST_AUTO_TEST_CASE(finalize_revoke_and_key_change)
{
    BOOST_TEST(acme::finalize_payload("MIIBPTCBxAIBADBF") == R"({"csr":"MIIBPTCBxAIBADBF"})");
    BOOST_TEST(acme::revoke_payload("MIIEDTCCAvegAwIBAgI", acme::revocation_reason::superseded) ==
        R"({"certificate":"MIIEDTCCAvegAwIBAgI","reason":4})");
    BOOST_TEST(acme::revoke_payload("M", acme::revocation_reason::unspecified) == R"({"certificate":"M","reason":0})");
    BOOST_TEST(acme::key_change_payload("https://ca.example/acct/1", R"({"kty":"EC"})") ==
        R"({"account":"https://ca.example/acct/1","oldKey":{"kty":"EC"}})");
}

BOOST_AUTO_TEST_CASE(protected_headers_have_exactly_one_key_and_no_empty_nonce)
{
    BOOST_TEST(acme::protected_header_kid("ES256", "n-1", "https://ca.example/o", "https://ca.example/acct/1") ==
        R"({"alg":"ES256","nonce":"n-1","url":"https://ca.example/o","kid":"https://ca.example/acct/1"})");
    BOOST_TEST(acme::protected_header_jwk("ES256", "n-1", "https://ca.example/o", R"({"kty":"EC"})") ==
        R"({"alg":"ES256","nonce":"n-1","url":"https://ca.example/o","jwk":{"kty":"EC"}})");
    BOOST_TEST(acme::protected_header_jwk("ES256", "", "https://ca.example/k", R"({"kty":"EC"})") ==
        R"({"alg":"ES256","url":"https://ca.example/k","jwk":{"kty":"EC"}})");
    BOOST_TEST(acme::protected_header_mac("HS256", "https://ca.example/a", "kid-1") ==
        R"({"alg":"HS256","url":"https://ca.example/a","kid":"kid-1"})");
}

BOOST_AUTO_TEST_CASE(texts_are_escaped)
{
    const std::string odd = "a\"b\\c\nd\x01,\"status\":\"x";
    const std::vector<acme::identifier> names{{"dns", odd}};
    const auto parsed = boost::json::parse(acme::new_order_payload(names, odd, odd));
    BOOST_TEST(parsed.as_object().size() == 3U);
    BOOST_TEST(parsed.at("profile").as_string() == odd);
    BOOST_TEST(parsed.at("identifiers").at(0).at("value").as_string() == odd);
    BOOST_TEST(
        boost::json::parse(acme::new_account_payload(strings{odd}, true, "", false)).at("contact").at(0).as_string() ==
        odd);
}

BOOST_AUTO_TEST_SUITE_END()
