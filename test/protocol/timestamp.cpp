#include "protocol/timestamp.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace std::chrono;
using acme::format_timestamp;
using acme::parse_timestamp;

namespace {

system_clock::time_point at(seconds since_1970)
{
    return system_clock::time_point(since_1970);
}

} // namespace

BOOST_AUTO_TEST_SUITE(timestamp)

BOOST_AUTO_TEST_CASE(rfc_3339_times_are_read)
{
    const std::pair<std::string_view, system_clock::time_point> table[] = {
        {"1970-01-01T00:00:00Z", at(0s)},
        {"2016-01-20T14:09:07.99Z", at(1'453'298'947s) + 990ms}, // RFC 8555 section 7.1.3
        {"2016-01-05T14:09:07.99Z", at(1'452'002'947s) + 990ms}, // section 7.1.4
        {"1996-12-19T16:39:57-08:00", at(851'042'397s)},         // RFC 3339 section 5.8
        {"1985-04-12T23:20:50.52Z", at(482'196'050s) + 520ms},   // section 5.8
        {"1937-01-01T12:00:27.87+00:20", at(-1'041'337'173s) + 870ms},
        {"1990-12-31T23:59:60Z", at(662'687'999s)}, // the leap second counts as the one before
        {"2024-02-29t00:00:00z", at(1'709'164'800s)},
        {"2024-02-29 00:00:00.123456789012Z", at(1'709'164'800s) + 123ms},
    };
    for (const auto& [text, expected] : table) {
        const auto found = parse_timestamp(text);
        BOOST_TEST_REQUIRE(found.has_value(), text);
        BOOST_TEST((*found == expected), text << " became " << format_timestamp(*found));
    }
}

BOOST_AUTO_TEST_CASE(times_that_the_clock_cannot_hold_become_its_bounds)
{
    BOOST_TEST(format_timestamp(*parse_timestamp("9999-12-31T23:59:59Z")) == "2261-12-31T00:00:00Z");
    BOOST_TEST(format_timestamp(*parse_timestamp("0000-01-01T00:00:00+23:59")) == "1700-01-01T00:00:00Z");
}

BOOST_AUTO_TEST_CASE(anything_else_is_refused)
{
    for (const auto text : {"", "soon", "2016-01-20", "2016-01-20T14:09:07", "2016-01-20T14:09Z",
             "2016-13-20T14:09:07Z", "2016-02-30T14:09:07Z", "2015-02-29T00:00:00Z", "2016-00-20T14:09:07Z",
             "2016-01-00T14:09:07Z", "2016-01-20T24:00:00Z", "2016-01-20T14:60:07Z", "2016-01-20T14:09:61Z",
             "2016-01-20T14:09:07.Z", "2016-01-20T14:09:07.1234567890123456789Z", "2016-01-20T14:09:07+0100",
             "2016-01-20T14:09:07+24:00", "2016-01-20T14:09:07+01:60", "2016-01-20T14:09:07ZZ", "+016-01-20T14:09:07Z",
             "2016-1-20T14:09:07Z", "2016-01-20X14:09:07Z", " 2016-01-20T14:09:07Z", "2016-01-20T14:09:07.99",
             "1453298947", "2016-01-20T14:09:07.99Z and much more text than any time that anybody ever needs"})
        BOOST_TEST(!parse_timestamp(text), text);
}

BOOST_AUTO_TEST_CASE(what_is_formatted_is_read_back)
{
    for (const auto s : {-7'000'000'000s, -1s, 0s, 1'453'298'947s, 4'102'444'800s, 9'000'000'000s})
        BOOST_TEST((parse_timestamp(format_timestamp(at(s))) == at(s)), s.count());
    BOOST_TEST(format_timestamp(at(1'453'298'947s) + 999ms) == "2016-01-20T14:09:07Z");
}

BOOST_AUTO_TEST_SUITE_END()
