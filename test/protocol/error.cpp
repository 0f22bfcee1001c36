#include <acme/error.hpp>

#include <boost/test/unit_test.hpp>

#include <set>
#include <string>

using acme::errc;
using acme::errc_from_type;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(errors)

BOOST_AUTO_TEST_CASE(every_problem_type_of_the_registry_has_its_errc)
{
    // RFC 8555 section 6.7, RFC 9773 section 7.4, the profiles draft, and Boulder's "conflict".
    const std::pair<const char*, errc> table[] = {
        {"accountDoesNotExist", errc::account_does_not_exist},
        {"alreadyReplaced", errc::already_replaced},
        {"alreadyRevoked", errc::already_revoked},
        {"badCSR", errc::bad_csr},
        {"badNonce", errc::bad_nonce},
        {"badPublicKey", errc::bad_public_key},
        {"badRevocationReason", errc::bad_revocation_reason},
        {"badSignatureAlgorithm", errc::bad_signature_algorithm},
        {"caa", errc::caa},
        {"compound", errc::compound},
        {"conflict", errc::conflict},
        {"connection", errc::connection},
        {"dns", errc::dns},
        {"externalAccountRequired", errc::external_account_required},
        {"incorrectResponse", errc::incorrect_response},
        {"invalidContact", errc::invalid_contact},
        {"invalidProfile", errc::invalid_profile},
        {"malformed", errc::malformed},
        {"orderNotReady", errc::order_not_ready},
        {"rateLimited", errc::rate_limited},
        {"rejectedIdentifier", errc::rejected_identifier},
        {"serverInternal", errc::server_internal},
        {"tls", errc::tls},
        {"unauthorized", errc::unauthorized},
        {"unsupportedContact", errc::unsupported_contact},
        {"unsupportedIdentifier", errc::unsupported_identifier},
        {"userActionRequired", errc::user_action_required},
    };
    for (const auto& [name, code] : table)
        BOOST_TEST((errc_from_type(std::string("urn:ietf:params:acme:error:") + name) == code), name);
    for (const auto type :
        {"", "about:blank", "badNonce", "urn:ietf:params:acme:error:", "urn:ietf:params:acme:error:x",
            "urn:ietf:params:acme:error:badnonce", "urn:acme:error:badNonce", "urn:ietf:params:acme:error:badNonce "})
        BOOST_TEST((errc_from_type(type) == errc::unknown_problem), type);
}

BOOST_AUTO_TEST_CASE(every_errc_has_a_sentence_of_its_own)
{
    std::set<std::string> seen;
    for (int value = 1; value <= int(errc::shut_down); ++value) {
        if (value > int(errc::user_action_required) && value < int(errc::unknown_problem))
            continue;
        const boost::system::error_code ec = static_cast<errc>(value);
        BOOST_TEST(ec.message() != "unknown error", value);
        BOOST_TEST(ec.message().find(' ') != std::string::npos, value);
        BOOST_TEST(seen.insert(ec.message()).second, ec.message());
        BOOST_TEST(ec.failed());
    }
    BOOST_TEST(boost::system::error_code(12'345, acme::acme_category()).message() == "unknown error");
}

BOOST_AUTO_TEST_CASE(an_errc_converts_and_compares)
{
    const boost::system::error_code ec = errc::rate_limited;
    BOOST_TEST((ec == errc::rate_limited));
    BOOST_TEST((ec != errc::dns));
    BOOST_TEST(ec.category().name() == std::string("acme"));
    const std::error_code standard = ec;
    BOOST_TEST(standard.message() == ec.message());
}

BOOST_AUTO_TEST_CASE(what_says_step_host_and_what_the_ca_answered)
{
    acme::problem p;
    p.type = "urn:ietf:params:acme:error:rateLimited";
    p.status = 429;
    p.detail = "too many certificates (5) already issued";
    const acme::error plain(errc::rate_limited, "newOrder", p);
    BOOST_TEST(plain.what() ==
        std::string("acme: newOrder: the CA's rate limit is reached: HTTP status 429, rateLimited: too many "
                    "certificates (5) already issued"));
    const acme::error full =
        plain.with_host("shop.example")
            .with_retry(acme::retry_advice::at(std::chrono::system_clock::time_point(1'453'298'947s)));
    BOOST_TEST(full.what() ==
        std::string(
            "acme: newOrder for shop.example: the CA's rate limit is reached: HTTP status 429, rateLimited: too "
            "many certificates (5) already issued; next attempt not before 2016-01-20T14:09:07Z"));
    BOOST_TEST(full.host() == "shop.example");
    BOOST_TEST(full.step() == "newOrder");
    BOOST_TEST((full.code() == errc::rate_limited));
    BOOST_TEST_REQUIRE(full.problem().has_value());
    BOOST_TEST(full.problem()->status == 429U);
    BOOST_TEST((full.retry().when == acme::retry_advice::kind::at));
    BOOST_TEST(plain.host() == "", "the original stays as it is");
}

BOOST_AUTO_TEST_CASE(explanations_and_foreign_codes_are_part_of_what)
{
    const acme::error e(errc::unexpected_answer, "directory", "the body is not JSON");
    BOOST_TEST(
        e.what() == std::string("acme: directory: the CA's answer is not what ACME prescribes: the body is not JSON"));
    BOOST_TEST(e.explanation() == "the body is not JSON");
    BOOST_TEST(!e.problem());
    const acme::error refused(
        make_error_code(boost::system::errc::connection_refused), "connecting to the CA", "ca.example:443");
    BOOST_TEST(refused.what() == std::string("acme: connecting to the CA: Connection refused: ca.example:443"));
}

BOOST_AUTO_TEST_CASE(what_is_one_clean_line)
{
    const acme::error e =
        acme::error(errc::invalid_host_name, "certificate", "a\r\nb\x1b[31m").with_host("evil\n.example");
    BOOST_TEST(std::string(e.what()).find_first_of("\r\n\x1b") == std::string::npos, e.what());
    acme::problem long_one;
    long_one.detail = std::string(2048, 'x');
    long_one.subproblems.resize(100);
    BOOST_TEST(std::string(acme::error(errc::compound, "x", long_one).what()).size() < 4096U);
}

BOOST_AUTO_TEST_CASE(a_problem_describes_itself_with_what_it_has)
{
    acme::problem p;
    BOOST_TEST(p.describe() == "");
    p.title = "A title";
    BOOST_TEST(p.describe() == "A title");
    p.detail = "A detail";
    BOOST_TEST(p.describe() == "A detail");
    p.type = "about:blank";
    BOOST_TEST(p.describe() == "about:blank: A detail");
    p.instance = "https://ca.example/terms";
    BOOST_TEST(p.describe() == "about:blank: A detail (see https://ca.example/terms)");
    p = acme::problem();
    p.subproblems.resize(1);
    p.subproblems[0].detail = "inner";
    BOOST_TEST(p.describe() == "inner");
}

BOOST_AUTO_TEST_SUITE_END()
