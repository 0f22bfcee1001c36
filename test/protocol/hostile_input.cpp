#include "protocol/problem.hpp"
#include "protocol/resource.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>
#include <string_view>
#include <vector>

// Every parser of a CA's JSON is fed damaged answers. Whatever comes, it returns: a value within the promised bounds,
// or a reason.

using namespace std::string_view_literals;

namespace {

const std::vector<std::string> good_answers{
    R"({"newNonce":"https://a/n","newAccount":"https://a/a","newOrder":"https://a/o","revokeCert":"https://a/r",)"
    R"("keyChange":"https://a/k","meta":{"termsOfService":"https://a/t","caaIdentities":["a"],"profiles":{"p":"q"}}})",
    R"({"status":"valid","contact":["mailto:a@example.org"],"termsOfServiceAgreed":true,"orders":"https://a/o"})",
    R"({"status":"pending","expires":"2016-01-20T14:09:07.99Z","identifiers":[{"type":"dns","value":"a.example"}],)"
    R"("authorizations":["https://a/z/1","https://a/z/2"],"finalize":"https://a/f","error":{"type":"x","detail":"y"}})",
    R"({"status":"pending","identifier":{"type":"dns","value":"a.example"},"wildcard":true,"challenges":[{"type":)"
    R"("http-01","url":"https://a/c","status":"pending","token":"DGyRejmCefe7v4NfDGDKfA","error":{"subproblems":)"
    R"([{"type":"t","detail":"d","identifier":{"type":"dns","value":"v"}}]}}]})",
    R"({"type":"tls-alpn-01","url":"https://a/c","status":"processing","token":"DGyRejmCefe7v4NfDGDKfA"})",
    R"({"type":"urn:ietf:params:acme:error:malformed","title":"t","detail":"d","status":400,"instance":"https://a/i",)"
    R"("subproblems":[{"type":"t","detail":"d","identifier":{"type":"dns","value":"v"}}],"algorithms":["ES256"]})",
};

template <class T>
bool accounts_for_itself(const acme::parsed<T>& p)
{
    return bool(p) == p.why.empty() && p.why.size() < 1000 && p.why.find_first_of("\r\n\x1b") == std::string::npos;
}

/// The number of parsers that take it.
int feed(std::string_view body)
{
    const auto d = acme::parse_directory(body);
    const auto a = acme::parse_account(body);
    const auto o = acme::parse_order(body);
    const auto z = acme::parse_authorization(body);
    const auto c = acme::parse_challenge(body);
    const auto p = acme::parse_problem(body, "application/problem+json", 400);
    BOOST_REQUIRE(accounts_for_itself(d));
    BOOST_REQUIRE(accounts_for_itself(a));
    BOOST_REQUIRE(accounts_for_itself(o));
    BOOST_REQUIRE(accounts_for_itself(z));
    BOOST_REQUIRE(accounts_for_itself(c));
    BOOST_REQUIRE(p.detail.size() <= 2048 && p.describe().size() < 1'000'000);
    BOOST_REQUIRE(!o || (o->identifiers.size() <= 200 && o->authorizations.size() <= 200));
    BOOST_REQUIRE(!z || z->challenges.size() <= 64);
    return bool(d) + bool(a) + bool(o) + bool(z) + bool(c);
}

} // namespace

BOOST_AUTO_TEST_SUITE(hostile_input)

BOOST_AUTO_TEST_CASE(undamaged_answers_are_taken)
{
    for (std::size_t i = 0; i + 1 < good_answers.size(); ++i)
        BOOST_TEST(feed(good_answers[i]) >= 1, good_answers[i]);
}

BOOST_AUTO_TEST_CASE(an_answer_cut_short_anywhere_is_refused)
{
    for (const auto& text : good_answers)
        for (std::size_t n = 0; n < text.size(); ++n)
            BOOST_TEST(feed(std::string_view(text).substr(0, n)) == 0);
}

BOOST_AUTO_TEST_CASE(an_answer_with_something_behind_it_is_refused)
{
    for (const auto& text : good_answers)
        for (const auto tail : {"x"sv, "{}"sv, ","sv, "]"sv, "}"sv, "\0"sv})
            BOOST_TEST(feed(text + std::string(tail)) == 0);
}

BOOST_AUTO_TEST_CASE(flipped_octets_do_no_harm)
{
    std::mt19937 random(7);
    for (int round = 0; round < 30'000; ++round) {
        std::string text = good_answers[random() % good_answers.size()];
        for (std::size_t n = 1 + random() % 4; n > 0; --n)
            text[random() % text.size()] = static_cast<char>(random());
        feed(text);
    }
}

BOOST_AUTO_TEST_CASE(swapped_pieces_do_no_harm)
{
    constexpr std::string_view pieces[] = {"null", "{}", "[]", "-1", "1e308", "\"\"", "true", "[[[[", "\"\\u0000\"",
        "18446744073709551616", "{\"status\":\"valid\"}", "\"https://\"", ",", ":", "\"\\ud83d\\ude00\""};
    std::mt19937 random(8);
    for (int round = 0; round < 30'000; ++round) {
        std::string text = good_answers[random() % good_answers.size()];
        const std::size_t at = random() % text.size();
        text.replace(at, random() % 12, pieces[random() % std::size(pieces)]);
        feed(text);
    }
}

BOOST_AUTO_TEST_CASE(each_member_is_replaced_by_each_kind_of_value)
{
    for (const auto& text : good_answers)
        for (std::size_t at = text.find("\":"); at != std::string::npos; at = text.find("\":", at + 1))
            for (const auto value :
                {"null", "7", "-0.5", "true", "\"\"", "\"\\u001b\"", "[]", "{}", "[null]", "[{}]"}) {
                // To the next comma: some outcomes are no JSON, which is as good.
                const std::size_t end = text.find_first_of(",}]", at + 2);
                feed(text.substr(0, at + 2) + value + text.substr(end));
            }
}

BOOST_AUTO_TEST_CASE(a_megabyte_is_no_trouble)
{
    for (const auto& body : {std::string(1'048'576, '{'), std::string(1'048'576, '['), std::string(1'048'576, ' '),
             std::string(1'048'576, '"'), std::string(4'000'000, 'x'),
             "{\"status\":\"" + std::string(1'000'000, 'v') + "\"}",
             "{\"identifiers\":[" + std::string(1'000'000, ' ') + "]}"})
        BOOST_TEST(feed(body) == 0);
    std::string elements = "{\"status\":\"valid\",\"contact\":[1";
    while (elements.size() < 1'000'000)
        elements += ",1";
    BOOST_TEST(feed(elements + "]}") == 0);
}

BOOST_AUTO_TEST_SUITE_END()
