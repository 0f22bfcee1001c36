#include "protocol/resource.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>

using acme::parse_account;
using acme::parse_authorization;
using acme::parse_challenge;
using acme::parse_directory;
using acme::parse_order;
using namespace std::chrono;

namespace {

// RFC 8555 section 7.1.1's example, with Pebble's termsOfService and an entry of random name as Let's Encrypt adds.
const std::string directory_text = R"({
    "newNonce": "https://example.com/acme/new-nonce",
    "newAccount": "https://example.com/acme/new-account",
    "newOrder": "https://example.com/acme/new-order",
    "newAuthz": "https://example.com/acme/new-authz",
    "revokeCert": "https://example.com/acme/revoke-cert",
    "keyChange": "https://example.com/acme/key-change",
    "renewalInfo": "https://example.com/acme/renewal-info",
    "Ci5oSWGpMMI": "https://community.example/t/adding-random-entries-to-the-directory/33417",
    "meta": {
        "termsOfService": "data:text/plain,Do%20what%20thou%20wilt",
        "website": "https://www.example.com/",
        "caaIdentities": ["example.com"],
        "externalAccountRequired": false,
        "profiles": {"classic": "https://example.com/docs/profiles#classic", "odd": 7},
        "unknown": {"a": [1, 2.5, null]}
    }
})";

const std::string account_text = R"({
    "status": "valid",
    "contact": ["mailto:cert-admin@example.org", "mailto:admin@example.org"],
    "termsOfServiceAgreed": true,
    "orders": "https://example.com/acme/orders/rzGoeA"
})";

const std::string order_text = R"({
    "status": "valid",
    "expires": "2016-01-20T14:09:07.99Z",
    "identifiers": [
        { "type": "dns", "value": "www.example.org" },
        { "type": "dns", "value": "example.org" }
    ],
    "notBefore": "2016-01-01T00:00:00Z",
    "notAfter": "2016-01-08T00:00:00Z",
    "authorizations": [
        "https://example.com/acme/authz/PAniVnsZcis",
        "https://example.com/acme/authz/r4HqLzrSrpI"
    ],
    "finalize": "https://example.com/acme/order/TOlocE8rfgo/finalize",
    "certificate": "https://example.com/acme/cert/jWCdfHVGY2M"
})";

const std::string authorization_text = R"({
    "status": "valid",
    "expires": "2015-03-01T14:09:07.99Z",
    "identifier": { "type": "dns", "value": "www.example.org" },
    "challenges": [
        {
            "url": "https://example.com/acme/chall/prV_B7yEyA4",
            "type": "http-01",
            "status": "valid",
            "token": "DGyRejmCefe7v4NfDGDKfA",
            "validated": "2014-12-01T12:05:58.16Z"
        }
    ],
    "wildcard": false
})";

/// `text` with the first `from` replaced; fails the test where there is none.
std::string with(std::string text, std::string_view from, std::string_view to)
{
    const auto at = text.find(from);
    BOOST_TEST_REQUIRE(at != std::string::npos, from);
    return text.replace(at, from.size(), to);
}

std::string pending_authorization(std::string_view challenges)
{
    return R"({"status":"pending","identifier":{"type":"dns","value":"a.example"},"challenges":[)" +
        std::string(challenges) + "]}";
}

const std::string usable =
    R"({"type":"http-01","url":"https://ca.example/c/1","status":"pending","token":"DGyRejmCefe7v4NfDGDKfA"})";

std::string repeated(std::string_view element, std::size_t n)
{
    std::string out;
    for (std::size_t i = 0; i < n; ++i)
        out += (i == 0 ? "" : ",") + std::string(element);
    return out;
}

std::string order_with_authorizations(std::size_t n)
{
    std::string urls;
    for (std::size_t i = 0; i < n; ++i)
        urls += (i == 0 ? "\"" : ",\"") + ("https://ca.example/z/" + std::to_string(i)) + '"';
    return R"({"status":"pending","finalize":"https://ca.example/f",)"
           R"("identifiers":[{"type":"dns","value":"a.example"}],"authorizations":[)" +
        urls + "]}";
}

bool mentions(const std::string& why, std::string_view word)
{
    return why.find(word) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(resource)

BOOST_AUTO_TEST_CASE(the_directory_of_rfc_8555_is_read)
{
    const auto d = parse_directory(directory_text);
    BOOST_TEST_REQUIRE(bool(d), d.why);
    BOOST_TEST(d->new_nonce == "https://example.com/acme/new-nonce");
    BOOST_TEST(d->new_account == "https://example.com/acme/new-account");
    BOOST_TEST(d->new_order == "https://example.com/acme/new-order");
    BOOST_TEST(d->revoke_cert == "https://example.com/acme/revoke-cert");
    BOOST_TEST(d->key_change == "https://example.com/acme/key-change");
    BOOST_TEST(d->renewal_info == "https://example.com/acme/renewal-info");
    BOOST_TEST(d->terms_of_service == "data:text/plain,Do%20what%20thou%20wilt");
    BOOST_TEST(d->website == "https://www.example.com/");
    BOOST_TEST_REQUIRE(d->caa_identities.size() == 1U);
    BOOST_TEST(d->caa_identities[0] == "example.com");
    BOOST_TEST(!d->external_account_required);
    BOOST_TEST(d->profiles.at("classic") == "https://example.com/docs/profiles#classic");
    BOOST_TEST(d->profiles.at("odd") == "");
}

BOOST_AUTO_TEST_CASE(a_directory_needs_three_urls_and_nothing_else)
{
    const auto d = parse_directory(R"({"newNonce":"https://a/n","newAccount":"https://a/a","newOrder":"https://a/o",
        "meta":null,"revokeCert":null,"keyChange":""})");
    BOOST_TEST_REQUIRE(bool(d), d.why);
    BOOST_TEST(d->revoke_cert == "");
    BOOST_TEST(d->renewal_info == "");
    for (const auto name : {"newNonce", "newAccount", "newOrder"}) {
        const auto missing = parse_directory(with(directory_text, name, "x"));
        BOOST_TEST(!missing);
        BOOST_TEST(missing.why == "the directory's member \"" + std::string(name) + "\" is missing");
    }
}

BOOST_AUTO_TEST_CASE(directory_urls_must_be_usable)
{
    for (const auto name : {"new-nonce", "new-account", "new-order", "revoke-cert", "key-change", "renewal-info"})
        for (const auto bad :
            {"http://example.com/x", "/relative", "javascript:x", "https://u:p@example.com/", "ftp://a/"}) {
            const auto d = parse_directory(with(directory_text, "https://example.com/acme/" + std::string(name), bad));
            BOOST_TEST(!d, name << ' ' << bad);
            BOOST_TEST(mentions(d.why, bad), d.why);
        }
    BOOST_TEST(!parse_directory(with(directory_text, "acme/new-nonce", std::string(65'536, 'x'))));
}

BOOST_AUTO_TEST_CASE(wrong_types_in_the_meta_object_are_named)
{
    const auto d = parse_directory(with(directory_text, "[\"example.com\"]", "\"example.com\""));
    BOOST_TEST(!d);
    BOOST_TEST(mentions(d.why, "caaIdentities"), d.why);
    BOOST_TEST(
        !parse_directory(with(directory_text, "\"externalAccountRequired\": false", "\"externalAccountRequired\": 1")));
}

BOOST_AUTO_TEST_CASE(the_account_of_rfc_8555_is_read)
{
    const auto a = parse_account(account_text);
    BOOST_TEST_REQUIRE(bool(a), a.why);
    BOOST_TEST((a->status == acme::account_status::valid));
    BOOST_TEST_REQUIRE(a->contact.size() == 2U);
    BOOST_TEST(a->contact[1] == "mailto:admin@example.org");
    BOOST_TEST(a->terms_of_service_agreed);
    BOOST_TEST(a->orders == "https://example.com/acme/orders/rzGoeA");
}

BOOST_AUTO_TEST_CASE(an_account_needs_only_its_status)
{
    // Let's Encrypt sends neither contact nor orders.
    const auto a = parse_account(R"({"key":{"kty":"EC"},"status":"deactivated","createdAt":"2026-01-01T00:00:00Z"})");
    BOOST_TEST_REQUIRE(bool(a), a.why);
    BOOST_TEST((a->status == acme::account_status::deactivated));
    BOOST_TEST((parse_account(R"({"status":"revoked"})")->status == acme::account_status::revoked));
    BOOST_TEST(!parse_account("{}"));
    BOOST_TEST(!parse_account(R"({"status":"sleeping"})"));
    BOOST_TEST(!parse_account(R"({"status":"valid","contact":"mailto:a@example.org"})"));
    BOOST_TEST(!parse_account(R"({"status":"valid","contact":[1]})"));
}

BOOST_AUTO_TEST_CASE(the_order_of_rfc_8555_is_read)
{
    const auto o = parse_order(order_text);
    BOOST_TEST_REQUIRE(bool(o), o.why);
    BOOST_TEST((o->status == acme::order_status::valid));
    BOOST_TEST((o->expires == system_clock::time_point(1'453'298'947s) + 990ms));
    BOOST_TEST_REQUIRE(o->identifiers.size() == 2U);
    BOOST_TEST((o->identifiers[0] == acme::identifier("dns", "www.example.org")));
    BOOST_TEST_REQUIRE(o->authorizations.size() == 2U);
    BOOST_TEST(o->authorizations[1] == "https://example.com/acme/authz/r4HqLzrSrpI");
    BOOST_TEST(o->finalize == "https://example.com/acme/order/TOlocE8rfgo/finalize");
    BOOST_TEST(o->certificate == "https://example.com/acme/cert/jWCdfHVGY2M");
    BOOST_TEST(!o->error);
}

BOOST_AUTO_TEST_CASE(an_order_tolerates_absent_and_null_optional_members)
{
    const auto o = parse_order(R"({"status":"ready","identifiers":[{"type":"dns","value":"a.example"}],
        "finalize":"https://ca.example/f","authorizations":null,"expires":null,"error":null,"certificate":"",
        "replaces":null,"profile":"shortlived"})");
    BOOST_TEST_REQUIRE(bool(o), o.why);
    BOOST_TEST(!o->expires);
    BOOST_TEST(o->authorizations.empty());
    BOOST_TEST(o->certificate == "");
    BOOST_TEST(o->profile == "shortlived");
    BOOST_TEST(bool(parse_order(R"({"status":"processing","identifiers":[{"type":"dns","value":"a.example"}]})")));
}

BOOST_AUTO_TEST_CASE(an_invalid_orders_error_is_kept)
{
    const auto o = parse_order(R"({"status":"invalid","identifiers":[{"type":"dns","value":"a.example"}],
        "error":{"type":"urn:ietf:params:acme:error:caa","detail":"CAA forbids","status":403}})");
    BOOST_TEST_REQUIRE(bool(o), o.why);
    BOOST_TEST_REQUIRE(o->error.has_value());
    BOOST_TEST((o->error->code() == acme::errc::caa));
    BOOST_TEST(o->error->status == 403U);
}

BOOST_AUTO_TEST_CASE(bad_orders_are_refused_by_the_name_of_what_is_bad)
{
    const struct
    {
        std::string_view from, to, named;
    } table[] = {
        {"\"valid\"", "\"finished\"", "finished"},
        {"\"valid\"", "\"VALID\"", "status"},
        {"\"valid\"", "7", "a number, not a string"},
        {"\"valid\"", "null", "\"status\" is missing"},
        {"\"status\"", "\"Status\"", "\"status\" is missing"},
        {"\"2016-01-20T14:09:07.99Z\"", "\"tomorrow\"", "expires"},
        {"\"2016-01-20T14:09:07.99Z\"", "1453298947", "expires"},
        {"\"identifiers\"", "\"x\"", "\"identifiers\" is missing"},
        {R"({ "type": "dns", "value": "www.example.org" })", "\"www.example.org\"", "identifiers"},
        {R"("value": "www.example.org")", R"("value": "")", "value"},
        {R"("value": "www.example.org")", R"("value": "a\nb")", "value"},
        {R"("value": "www.example.org")", R"("value": "ä.example")", "value"},
        {R"("value": "www.example.org")", R"("value": ["a"])", "value"},
        {R"("type": "dns", "value": "www.example.org")", R"("value": "www.example.org")", "type"},
        {"https://example.com/acme/authz/PAniVnsZcis", "/acme/authz/PAniVnsZcis", "authorizations"},
        {"https://example.com/acme/authz/PAniVnsZcis", "https://example.com/acme/authz/r4HqLzrSrpI", "twice"},
        {"\"https://example.com/acme/authz/PAniVnsZcis\"", "{}", "authorizations"},
        {"https://example.com/acme/order", "http://example.com/acme/order", "finalize"},
        {"https://example.com/acme/cert/", "https://example.com/\\u0000/", "certificate"},
        {"\"notBefore\"", "\"error\"", "error"},
    };
    for (const auto& row : table) {
        const auto o = parse_order(with(order_text, row.from, row.to));
        BOOST_TEST(!o, row.from << " -> " << row.to);
        BOOST_TEST(mentions(o.why, row.named), o.why);
    }
    BOOST_TEST(!parse_order(R"({"status":"pending","identifiers":[],"finalize":"https://ca.example/f"})"));
    BOOST_TEST(!parse_order(R"({"status":"pending","identifiers":[{"type":"dns","value":"a.example"}]})"));
}

BOOST_AUTO_TEST_CASE(orders_are_bounded)
{
    BOOST_TEST(bool(parse_order(order_with_authorizations(200))));
    const auto o = parse_order(order_with_authorizations(201));
    BOOST_TEST(!o);
    BOOST_TEST(mentions(o.why, "201"), o.why);
    const auto ids = [](std::size_t n) {
        return R"({"status":"ready","finalize":"https://ca.example/f","identifiers":[)" +
            repeated(R"({"type":"dns","value":"a.example"})", n) + "]}";
    };
    BOOST_TEST(bool(parse_order(ids(200))));
    BOOST_TEST(!parse_order(ids(201)));
    BOOST_TEST(!parse_order(ids(1'000'000)));
}

BOOST_AUTO_TEST_CASE(the_authorization_of_rfc_8555_is_read)
{
    const auto a = parse_authorization(authorization_text);
    BOOST_TEST_REQUIRE(bool(a), a.why);
    BOOST_TEST((a->status == acme::authorization_status::valid));
    BOOST_TEST((a->identifier == acme::identifier("dns", "www.example.org")));
    BOOST_TEST((a->expires == system_clock::time_point(1'425'218'947s) + 990ms));
    BOOST_TEST(!a->wildcard);
    BOOST_TEST_REQUIRE(a->challenges.size() == 1U);
    BOOST_TEST(a->challenges[0].type == "http-01");
    BOOST_TEST(a->challenges[0].url == "https://example.com/acme/chall/prV_B7yEyA4");
    BOOST_TEST(a->challenges[0].token == "DGyRejmCefe7v4NfDGDKfA");
    BOOST_TEST((a->challenges[0].status == acme::challenge_status::valid));
}

BOOST_AUTO_TEST_CASE(every_status_is_read_and_named)
{
    for (const auto s : {"pending", "valid", "invalid", "deactivated", "expired", "revoked"}) {
        const auto a = parse_authorization(with(authorization_text, "\"valid\"", '"' + std::string(s) + '"'));
        BOOST_TEST_REQUIRE(bool(a), a.why);
        BOOST_TEST(to_string(a->status) == s);
    }
    for (const auto s : {"pending", "ready", "processing", "valid", "invalid"}) {
        const auto o = parse_order(with(order_text, "\"valid\"", '"' + std::string(s) + '"'));
        BOOST_TEST_REQUIRE(bool(o), o.why);
        BOOST_TEST(to_string(o->status) == s);
    }
    for (const auto s : {"pending", "processing", "valid", "invalid"}) {
        const auto c = parse_challenge(with(usable, "pending", s));
        BOOST_TEST_REQUIRE(bool(c), c.why);
        BOOST_TEST(to_string(c->status) == s);
    }
    for (const auto s : {"valid", "deactivated", "revoked"})
        BOOST_TEST(to_string(parse_account(with(account_text, "\"valid\"", '"' + std::string(s) + '"'))->status) == s);
}

BOOST_AUTO_TEST_CASE(a_challenge_of_unknown_type_never_spoils_the_authorization)
{
    const std::string_view odd[] = {
        R"({"type":"dns-persist-01","url":"https://ca.example/c/2","status":"pending",)"
        R"("issuer-domain-names":["ca.example"]})",
        R"({"type":"dns-account-01","url":"https://ca.example/c/2","status":"dreaming",)"
        R"("token":"DGyRejmCefe7v4NfDGDKfA"})",
        R"({"type":"x-01"})",
        R"({"type":"x-01","url":7,"status":[]})",
        R"({"type":"\u001b[2J","url":"https://ca.example/c/2","status":"pending"})",
    };
    for (const auto& c : odd) {
        const auto a = parse_authorization(pending_authorization(std::string(c) + ',' + usable));
        BOOST_TEST_REQUIRE(bool(a), a.why);
        BOOST_TEST_REQUIRE(!a->challenges.empty());
        BOOST_TEST(a->challenges.back().type == "http-01");
        if (a->challenges.size() == 2)
            BOOST_TEST(a->challenges[0].token == "");
    }
    BOOST_TEST(parse_authorization(pending_authorization(std::string(odd[0]) + ',' + usable))->challenges.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_malformed_token_is_as_none)
{
    const std::string token = "DGyRejmCefe7v4NfDGDKfA";
    for (const std::string& bad : {std::string("\"\""), std::string("\"short\""),
             std::string("\"../../../../../../etc/passwd\""), "\"" + token + "%2e\"", "\"" + token + " \"",
             "\"" + token + "\\n\"", "\"" + token + "=\"", "\"" + std::string(257, 'a') + "\"",
             "\"" + std::string(900'000, 'a') + "\"", std::string("7"), std::string("null"), "[\"" + token + "\"]"}) {
        const auto a = parse_authorization(pending_authorization(with(usable, '"' + token + '"', bad)));
        BOOST_TEST_REQUIRE(bool(a), a.why);
        BOOST_TEST_REQUIRE(a->challenges.size() == 1U);
        BOOST_TEST(a->challenges[0].token == "");
    }
    for (const std::string& good :
        {std::string(22, 'a'), std::string(256, '_'), std::string("-_09azAZ-_09azAZ-_09azAZ")})
        BOOST_TEST(parse_challenge(with(usable, token, good))->token == good);
}

BOOST_AUTO_TEST_CASE(bad_authorizations_are_refused_by_the_name_of_what_is_bad)
{
    const struct
    {
        std::string_view from, to, named;
    } table[] = {
        {"\"valid\"", "\"maybe\"", "maybe"},
        {"\"identifier\"", "\"x\"", "identifier"},
        {R"({ "type": "dns", "value": "www.example.org" })", "7", "identifier"},
        {R"("value": "www.example.org")", R"("value": null)", "identifier"},
        {"\"wildcard\": false", "\"wildcard\": \"yes\"", "wildcard"},
        {"\"http-01\"", "7", "type"},
        {"\"http-01\",", "\"http-01\", \"error\": \"text\",", "error"},
        {"https://example.com/acme/chall/", "http://example.com/acme/chall/", "url"},
        {R"("status": "valid",
            "token")",
            R"("status": "odd", "token")", "odd"},
    };
    for (const auto& row : table) {
        const auto a = parse_authorization(with(authorization_text, row.from, row.to));
        BOOST_TEST(!a, row.from << " -> " << row.to);
        BOOST_TEST(mentions(a.why, row.named), a.why);
    }
    BOOST_TEST(!parse_authorization(R"({"status":"pending","identifier":{"type":"dns","value":"a.example"}})"));
    BOOST_TEST(bool(parse_authorization(R"({"status":"expired","identifier":{"type":"dns","value":"a.example"}})")));
    BOOST_TEST(!parse_authorization(pending_authorization("1")));
    BOOST_TEST(bool(parse_authorization(pending_authorization(repeated(usable, 64)))));
    BOOST_TEST(!parse_authorization(pending_authorization(repeated(usable, 65))));
}

BOOST_AUTO_TEST_CASE(a_challenges_error_is_kept)
{
    // RFC 8555 section 8.2's example.
    const auto c = parse_challenge(with(usable, "\"pending\"", R"("invalid","error":{
        "type":"urn:ietf:params:acme:error:dns","detail":"no A\r\nrecord","status":400,
        "subproblems":[{"type":"urn:ietf:params:acme:error:caa","detail":"x"}]})"));
    BOOST_TEST_REQUIRE(bool(c), c.why);
    BOOST_TEST_REQUIRE(c->error.has_value());
    BOOST_TEST((c->error->code() == acme::errc::dns));
    BOOST_TEST(c->error->detail == "no A  record");
    BOOST_TEST(c->error->subproblems.size() == 1U);
    BOOST_TEST(!parse_challenge(R"({"type":"http-01","status":"pending"})"));
    BOOST_TEST(!parse_challenge(R"({"url":"https://ca.example/c","status":"pending"})"));
    BOOST_TEST(!parse_challenge(R"({"type":"http-01","url":"https://ca.example/c"})"));
}

BOOST_AUTO_TEST_CASE(what_is_quoted_in_an_error_is_short_and_clean)
{
    const auto o = parse_order(with(order_text, "\"valid\"", R"("\u001b[31m)" + std::string(100'000, 'x') + '"'));
    BOOST_TEST(!o);
    BOOST_TEST(o.why.size() < 300U);
    BOOST_TEST(o.why.find('\x1b') == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
