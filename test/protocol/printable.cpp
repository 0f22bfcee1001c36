#include "protocol/printable.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>

using acme::printable;
using namespace std::string_view_literals;

BOOST_AUTO_TEST_SUITE(printable_text)

BOOST_AUTO_TEST_CASE(ordinary_text_stays_as_it_is)
{
    BOOST_TEST(printable("", 10) == "");
    BOOST_TEST(printable("No such order: \"7\" ~", 100) == "No such order: \"7\" ~");
    BOOST_TEST(printable("Zürich, 東京, \U0001F512", 100) == "Zürich, 東京, \U0001F512");
}

BOOST_AUTO_TEST_CASE(what_could_forge_a_log_line_or_drive_a_terminal_is_replaced)
{
    const std::pair<std::string_view, std::string_view> table[] = {
        {"a\r\nb\tc", "a  b c"},
        {"a\0b"sv, "a?b"},
        {"\x1b[31mred\x1b[0m", "?[31mred?[0m"},
        {"\x7f\x08", "??"},
        {"C1 \xc2\x9b!", "C1 ?!"},
        {"bidi \xe2\x80\xae!", "bidi ?!"},
        {"isolate \xe2\x81\xa6!", "isolate ?!"},
        {"line \xe2\x80\xa8!", "line ?!"},
        {"mark \xef\xbb\xbf!", "mark ?!"},
        {"tag \xf3\xa0\x81\x81!", "tag ?!"},
    };
    for (const auto& [in, out] : table)
        BOOST_TEST(printable(in, 100) == out);
}

BOOST_AUTO_TEST_CASE(invalid_utf8_is_replaced)
{
    const std::pair<std::string_view, std::string_view> table[] = {
        {"\xff", "?"},
        {"\x80x", "?x"},
        {"\xc0\xaf", "??"},           // overlong
        {"\xe0\x80\xaf", "???"},      // overlong
        {"\xf0\x80\x80\xaf", "????"}, // overlong
        {"\xed\xa0\x80", "???"},      // a surrogate
        {"\xf4\x90\x80\x80", "????"}, // beyond U+10FFFF
        {"\xe2\x82", "??"},           // cut short
        {"\xc3(", "?("},
    };
    for (const auto& [in, out] : table)
        BOOST_TEST(printable(in, 100) == out);
}

BOOST_AUTO_TEST_CASE(a_long_text_is_cut_between_characters_and_says_so)
{
    BOOST_TEST(printable("0123456789", 10) == "0123456789");
    BOOST_TEST(printable("0123456789a", 10) == "0123456...");
    BOOST_TEST(printable("éééééé", 10) == "ééé...");
    BOOST_TEST(printable("abcdef", 3) == "...");
    BOOST_TEST(printable("abcdef", 2) == "ab");
    BOOST_TEST(printable("abcdef", 0) == "");
}

BOOST_AUTO_TEST_CASE(any_octets_become_short_clean_text)
{
    std::mt19937 random(1);
    for (int round = 0; round < 20'000; ++round) {
        std::string in(random() % 40, '\0');
        for (char& c : in)
            c = static_cast<char>(random());
        const std::size_t limit = random() % 40;
        const std::string out = printable(in, limit);
        BOOST_REQUIRE(out.size() <= limit);
        // What was cleaned is clean: nothing in it is replaced a second time.
        BOOST_REQUIRE(printable(out, out.size()) == out);
        BOOST_REQUIRE(out.find_first_of("\r\n\x1b\x7f") == std::string::npos);
    }
}

BOOST_AUTO_TEST_SUITE_END()
