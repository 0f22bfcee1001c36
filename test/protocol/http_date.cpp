#include "protocol/http_date.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>

using namespace std::chrono;
using acme::parse_http_date;
using acme::parse_retry_after;

namespace {

const auto now = system_clock::time_point(1'800'000'000s) + 250ms; // 15 January 2027, 08:00:00.25

long long wait(std::string_view value)
{
    const auto found = parse_retry_after(value, now);
    return found ? found->count() : -1;
}

constexpr long long days_30 = 30LL * 24 * 3600;

} // namespace

BOOST_AUTO_TEST_SUITE(http_date)

BOOST_AUTO_TEST_CASE(the_three_forms_of_rfc_9110_name_the_same_time)
{
    for (const auto text :
        {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"}) {
        const auto found = parse_http_date(text, now);
        BOOST_TEST_REQUIRE(found.has_value(), text);
        BOOST_TEST(found->time_since_epoch().count() == 784'111'777, text);
    }
    BOOST_TEST((parse_http_date("Wed Nov 16 08:49:37 1994", now) == sys_seconds(784'975'777s)));
}

BOOST_AUTO_TEST_CASE(a_two_digit_year_is_at_most_fifty_years_ahead)
{
    const auto year_of = [](std::string_view text) {
        const auto found = parse_http_date(text, now);
        return found ? int(year_month_day(floor<days>(*found)).year()) : 0;
    };
    BOOST_TEST(year_of("Friday, 01-Jan-27 00:00:00 GMT") == 2027);
    BOOST_TEST(year_of("Friday, 01-Jan-77 00:00:00 GMT") == 2077);
    BOOST_TEST(year_of("Saturday, 01-Jan-78 00:00:00 GMT") == 1978);
    BOOST_TEST(year_of("Saturday, 01-Jan-00 00:00:00 GMT") == 2000);
}

BOOST_AUTO_TEST_CASE(what_is_no_date_is_refused)
{
    for (const auto text :
        {"", "soon", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT", "Foo, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT", "Sun 06 Nov 1994 08:49:37 GMT",
            "sun, 06 nov 1994 08:49:37 gmt", "Sun Nov 6 08:49:37 1994", "Sun Nov  6 08:49:37 94",
            "Sunday, 06-Nov-1994 08:49:37 GMT", "1994-11-06T08:49:37Z", "Sun, -6 Nov 1994 08:49:37 GMT"})
        BOOST_TEST(!parse_http_date(text, now), text);
}

BOOST_AUTO_TEST_CASE(retry_after_in_seconds)
{
    const std::pair<std::string_view, long long> table[] = {
        {"0", 0},
        {"1", 1},
        {"120", 120},
        {" 120\t", 120},
        {"000120", 120},
        {"2592000", days_30},
        {"2592001", days_30},
        {"1000000000000", days_30},
        {"999999999999999999", days_30},
        {"9999999999999999999", -1},
        {"99999999999999999999999999999999", -1},
    };
    for (const auto& [value, expected] : table)
        BOOST_TEST(wait(value) == expected, value);
}

BOOST_AUTO_TEST_CASE(retry_after_as_a_date)
{
    const std::pair<std::string_view, long long> table[] = {
        {"Fri, 15 Jan 2027 08:00:30 GMT", 30},
        {"Friday, 15-Jan-27 08:00:30 GMT", 30},
        {"Fri Jan 15 08:00:30 2027", 30},
        {"Fri, 15 Jan 2027 08:00:00 GMT", 0},
        {"Fri, 15 Jan 2027 07:00:00 GMT", 0},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Sat, 01 Jan 0000 00:00:00 GMT", 0},
        {"Fri, 31 Dec 9999 23:59:59 GMT", days_30},
    };
    for (const auto& [value, expected] : table)
        BOOST_TEST(wait(value) == expected, value);
}

BOOST_AUTO_TEST_CASE(garbage_is_no_retry_after)
{
    for (const auto value : {"", " ", "-1", "+1", "1.5", "1e3", "0x10", "soon", "1 2", "120, 60", "120s", "\xd9\xa1"})
        BOOST_TEST(!parse_retry_after(value, now), value);
}

BOOST_AUTO_TEST_CASE(extreme_clocks_and_random_text_do_no_harm)
{
    for (const auto clock : {system_clock::time_point::min(), system_clock::time_point::max()})
        for (const auto value : {"30", "Fri, 31 Dec 9999 23:59:59 GMT", "Sunday, 06-Nov-94 08:49:37 GMT"}) {
            const auto found = parse_retry_after(value, clock);
            BOOST_TEST_REQUIRE(found.has_value(), value);
            BOOST_TEST((*found >= 0s && *found <= acme::max_retry_after));
        }
    std::mt19937 random(4);
    for (int round = 0; round < 50'000; ++round) {
        std::string text = round % 2 ? "Sun, 06 Nov 1994 08:49:37 GMT" : "Sunday, 06-Nov-94 08:49:37 GMT";
        for (std::size_t n = random() % 3; n > 0; --n)
            text[random() % text.size()] = static_cast<char>(random());
        text.resize(random() % 4 ? text.size() : random() % text.size());
        if (const auto found = parse_retry_after(text, now))
            BOOST_REQUIRE((*found >= 0s && *found <= acme::max_retry_after));
    }
}

BOOST_AUTO_TEST_SUITE_END()
