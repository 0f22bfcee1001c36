#include "protocol/problem.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using acme::errc;
using acme::parse_problem;

namespace {

constexpr std::string_view problem_json = "application/problem+json";

} // namespace

BOOST_AUTO_TEST_SUITE(problem_document)

BOOST_AUTO_TEST_CASE(rfc_8555_section_6_7_1_example_is_read_whole)
{
    const auto p = parse_problem(R"({
        "type": "urn:ietf:params:acme:error:malformed",
        "detail": "Some of the identifiers requested were rejected",
        "subproblems": [
            {
                "type": "urn:ietf:params:acme:error:malformed",
                "detail": "Invalid underscore in DNS name \"_example.org\"",
                "identifier": { "type": "dns", "value": "_example.org" }
            },
            {
                "type": "urn:ietf:params:acme:error:rejectedIdentifier",
                "detail": "This CA will not issue for \"example.net\"",
                "identifier": { "type": "dns", "value": "example.net" }
            }
        ]
    })",
        problem_json, 400);
    BOOST_TEST((p.code() == errc::malformed));
    BOOST_TEST(p.detail == "Some of the identifiers requested were rejected");
    BOOST_TEST(p.status == 400U);
    BOOST_TEST_REQUIRE(p.subproblems.size() == 2U);
    BOOST_TEST(p.subproblems[0].detail == "Invalid underscore in DNS name \"_example.org\"");
    BOOST_TEST((p.subproblems[1].identifier == acme::identifier("dns", "example.net")));
    BOOST_TEST(p.describe() ==
        "HTTP status 400, malformed: Some of the identifiers requested were rejected; "
        "_example.org: malformed: Invalid underscore in DNS name \"_example.org\"; "
        "example.net: rejectedIdentifier: This CA will not issue for \"example.net\"");
}

BOOST_AUTO_TEST_CASE(all_members_are_read)
{
    const auto p = parse_problem(R"({"type":"urn:ietf:params:acme:error:badSignatureAlgorithm","title":"No",
        "detail":"JWS uses HS512","instance":"https://ca.example/docs","status":401,"algorithms":["RS256","ES256",7]})",
        "application/problem+json; charset=utf-8", 400);
    BOOST_TEST((p.code() == errc::bad_signature_algorithm));
    BOOST_TEST(p.title == "No");
    BOOST_TEST(p.instance == "https://ca.example/docs");
    BOOST_TEST(p.algorithms == (std::vector<std::string>{"RS256", "ES256"}), boost::test_tools::per_element());
    BOOST_TEST(p.status == 400U, "the answer's own status counts");
}

BOOST_AUTO_TEST_CASE(the_media_type_is_compared_without_case_and_parameters)
{
    const std::string body = R"({"type":"urn:ietf:params:acme:error:dns"})";
    for (const auto type : {"application/problem+json", "Application/Problem+JSON; charset=utf-8",
             "application/problem+json;charset=utf-8", "application/json", ""})
        BOOST_TEST((parse_problem(body, type, 400).code() == errc::dns), type);
    for (const auto type : {"text/html", "text/plain", "application/octet-stream"}) {
        const auto p = parse_problem(body, type, 400);
        BOOST_TEST((p.code() == errc::unknown_problem), type);
        BOOST_TEST(p.detail == body);
    }
}

BOOST_AUTO_TEST_CASE(a_page_of_a_proxy_becomes_a_short_excerpt)
{
    const std::string page =
        "<html>\r\n<head>\r\n\t<title>502 Bad Gateway</title>\x1b[2J\r\n" + std::string(1'000'000, 'x');
    const auto p = parse_problem(page, "text/html", 502);
    BOOST_TEST(p.status == 502U);
    BOOST_TEST(p.type == "");
    BOOST_TEST(p.detail.starts_with("<html> <head> <title>502 Bad Gateway</title>?[2J xxx"));
    BOOST_TEST(p.detail.size() <= 200U);
    BOOST_TEST((p.code() == errc::unknown_problem));
}

BOOST_AUTO_TEST_CASE(an_empty_body_leaves_the_status)
{
    const auto p = parse_problem("", "", 404);
    BOOST_TEST(p.status == 404U);
    BOOST_TEST(p.describe() == "HTTP status 404");
}

BOOST_AUTO_TEST_CASE(what_is_no_problem_document_becomes_an_excerpt)
{
    for (const auto body :
        {"{", "[]", "null", "\"text\"", "{}x", "{\"type\":\"a\",\"type\":\"b\"}", "nonsense", "\xff"}) {
        const auto p = parse_problem(body, problem_json, 500);
        BOOST_TEST(p.type == "", body);
        BOOST_TEST(p.detail == (body == std::string_view("\xff") ? "?" : body));
    }
}

BOOST_AUTO_TEST_CASE(members_of_wrong_types_are_passed_over)
{
    const auto p = parse_problem(R"({"type":7,"title":[],"detail":"why","instance":null,"status":"x","subproblems":{},
        "algorithms":"ES256","identifier":{}})",
        problem_json, 403);
    BOOST_TEST(p.type == "");
    BOOST_TEST(p.detail == "why");
    BOOST_TEST(p.status == 403U);
    const auto q = parse_problem(R"({"detail":"d","subproblems":[1,null,"x",{"type":1,"identifier":"y"},
        {"identifier":{"value":3}}]})",
        problem_json, 403);
    BOOST_TEST_REQUIRE(q.subproblems.size() == 2U);
    BOOST_TEST(!q.subproblems[0].identifier.has_value());
    BOOST_TEST((q.subproblems[1].identifier == acme::identifier()));
}

BOOST_AUTO_TEST_CASE(texts_are_cut_and_cleaned)
{
    const std::string body = R"({"type":")" + std::string(100'000, 't') + R"(","detail":"a\u001b[31m\u0000)" +
        std::string(500'000, 'd') + R"("})";
    const auto p = parse_problem(body, problem_json, 400);
    BOOST_TEST(p.type.size() <= 256U);
    BOOST_TEST(p.detail.size() <= 2048U);
    BOOST_TEST(p.detail.starts_with("a?[31m?ddd"));
}

BOOST_AUTO_TEST_CASE(subproblems_are_bounded_and_laid_flat)
{
    std::string many;
    for (int i = 0; i < 500; ++i)
        many += R"({"detail":"x"},)";
    many.back() = ']';
    BOOST_TEST(
        parse_problem("{\"detail\":\"d\",\"subproblems\":[" + many + '}', problem_json, 400).subproblems.size() ==
        100U);

    const auto p = parse_problem(R"({"detail":"d","subproblems":[{"detail":"1","subproblems":[{"detail":"2",)"
                                 R"("subproblems":[{"detail":"3"}]}]}]})",
        problem_json, 400);
    BOOST_TEST_REQUIRE(p.subproblems.size() == 2U);
    BOOST_TEST(p.subproblems[1].detail == "2");
}

BOOST_AUTO_TEST_SUITE_END()
