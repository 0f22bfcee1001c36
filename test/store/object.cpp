#include "store/object.hpp"

#include "store/scratch.hpp"

#include <boost/test/unit_test.hpp>

namespace acme::test {

BOOST_AUTO_TEST_SUITE(object)

BOOST_AUTO_TEST_CASE(a_key_is_what_the_header_says)
{
    const std::string longest(max_key_size, 'k');
    const std::string too_long = longest + "k";
    for (const std::string good : {"a", "z9", "a/b/c", "example.org", "_x-y.z", "a/..b", "...", longest.c_str()})
        BOOST_TEST(is_valid_key(good), good);
    for (const std::string bad : {"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.", "A", "a b", "a\n",
             "*.a", "\xC3\xA4", "a\\b", "a:b", too_long.c_str()})
        BOOST_TEST(!is_valid_key(bad), bad);
    BOOST_TEST(!is_valid_key(std::string_view("a\0b", 3)));
}

BOOST_AUTO_TEST_CASE(a_value_is_well_formed_utf8)
{
    for (const std::string_view good : {"", "text", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
             "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
        BOOST_TEST(is_valid_value(good), good);
    for (const std::string_view bad : {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2x", "\xE0\x9F\xBF",
             "\xE0\xA0", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF0\x90\x80", "\xF4\x90\x80\x80",
             "\xF5\x80\x80\x80", "\xFF", "ok\xE2\x82"})
        BOOST_TEST(!is_valid_value(bad), bad);
    BOOST_TEST(is_valid_value(std::string_view("\0", 1)));
}

BOOST_AUTO_TEST_CASE(a_value_has_a_mebibyte_at_most)
{
    BOOST_TEST(is_valid_value(std::string(max_value_size, 'x')));
    BOOST_TEST(!is_valid_value(std::string(max_value_size + 1, 'x')));
}

BOOST_AUTO_TEST_CASE(refusal_says_why)
{
    const auto key = failure_of([] { check_object("A", "x"); });
    BOOST_TEST_REQUIRE(key.has_value());
    BOOST_TEST((key->code() == boost::system::errc::invalid_argument));
    const auto value = failure_of([] { check_object("a/b", "\xFF"); });
    BOOST_TEST_REQUIRE(value.has_value());
    BOOST_TEST(std::string(value->what()).find("a/b is not UTF-8") != std::string::npos, value->what());
}

BOOST_AUTO_TEST_CASE(prefixes_select_from_sorted_keys)
{
    const objects all = {{"a", "1"}, {"a/b", "2"}, {"a/c", "3"}, {"ab", "4"}, {"b", "5"}};
    const std::vector<std::string> below = {"a/b", "a/c"};
    BOOST_TEST(keys_with_prefix(all, "a/") == below, boost::test_tools::per_element());
    BOOST_TEST(keys_with_prefix(all, "").size() == 5U);
    BOOST_TEST(keys_with_prefix(all, "c").empty());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
