#include "protocol/json_members.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>

using acme::parse_object;
using namespace std::string_view_literals;

namespace {

std::string nested(std::size_t levels)
{
    return "{\"a\":" + std::string(levels - 1, '[') + std::string(levels - 1, ']') + '}';
}

} // namespace

BOOST_AUTO_TEST_SUITE(json_members)

BOOST_AUTO_TEST_CASE(an_object_is_read)
{
    const auto o = parse_object(" \r\n\t{\"a\":1,\"b\":{\"a\":[2.5,true,null,\"x\\u00e9\"]},\"\":-7} \n");
    BOOST_TEST_REQUIRE(bool(o), o.why);
    BOOST_TEST(o->size() == 3U);
    BOOST_TEST(o->at("b").at("a").at(3).as_string() == "xé");
}

BOOST_AUTO_TEST_CASE(what_is_not_one_json_object_is_refused)
{
    for (const auto text : {""sv, " "sv, "{"sv, "}"sv, "[]"sv, "null"sv, "7"sv, "\"a\""sv, "{}{}"sv, "{} x"sv, "{}\0"sv,
             "{\"a\":NaN}"sv, "{\"a\":Infinity}"sv, "{\"a\":1,}"sv, "{\"a\":[1,]}"sv, "{a:1}"sv, "{'a':1}"sv,
             "{\"a\":01}"sv, "{\"a\":+1}"sv, "{\"a\":\"\n\"}"sv, "{\"a\":1 /* c */}"sv, "// c\n{}"sv, "{\"a\" 1}"sv,
             "\xef\xbb\xbf{}"sv, "{\"a\":\"\xff\"}"sv, "{\"\xc0\xaf\":1}"sv, "{\"a\":\"\\ud800\"}"sv,
             "{\"a\":\"\\udc00x\"}"sv, "{\"a\":\"\xed\xa0\x80\"}"sv, "<html></html>"sv, "{\"a\":tru}"sv}) {
        const auto o = parse_object(text);
        BOOST_TEST(!o, text);
        BOOST_TEST(!o.why.empty());
    }
}

BOOST_AUTO_TEST_CASE(duplicate_members_are_refused_at_any_depth)
{
    for (const auto text :
        {R"({"a":1,"a":1})", R"({"a":1,"\u0061":2})", R"({"x":[{"a":1,"b":2,"a":3}]})", R"({"x":{"y":{"":0,"":0}}})"}) {
        const auto o = parse_object(text);
        BOOST_TEST(!o, text);
        BOOST_TEST(o.why.find("same name") != std::string::npos, o.why);
    }
    BOOST_TEST(bool(parse_object(R"({"a":{"a":1},"b":[{"a":1},{"a":1}]})")));
}

BOOST_AUTO_TEST_CASE(depth_is_bounded)
{
    BOOST_TEST(bool(parse_object(nested(16))));
    BOOST_TEST(!parse_object(nested(17)));
    BOOST_TEST(!parse_object(nested(500'000)));
    std::string objects;
    for (int i = 0; i < 100'000; ++i)
        objects += "{\"a\":";
    BOOST_TEST(!parse_object(objects));
}

BOOST_AUTO_TEST_CASE(size_and_number_of_members_are_bounded)
{
    BOOST_TEST(bool(parse_object("{\"a\":\"" + std::string(1'048'576 - 8, 'x') + "\"}")));
    BOOST_TEST(!parse_object("{\"a\":\"" + std::string(1'048'576 - 7, 'x') + "\"}"));
    std::string many = "{";
    for (int i = 0; i < 60'000; ++i)
        many += '"' + std::to_string(i) + "\":0,";
    many.back() = '}';
    const auto start = std::chrono::steady_clock::now();
    const auto o = parse_object(many);
    BOOST_TEST(!o);
    BOOST_TEST(o.why == "the JSON has too many members");
    BOOST_TEST((std::chrono::steady_clock::now() - start < std::chrono::seconds(5)));
}

BOOST_AUTO_TEST_SUITE_END()
