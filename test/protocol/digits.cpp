#include "protocol/digits.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using acme::date_time;
using acme::digits;

BOOST_AUTO_TEST_SUITE(decimal_digits)

BOOST_AUTO_TEST_CASE(one_to_four_digits_and_nothing_else_are_a_number)
{
    BOOST_TEST((digits("0") == 0 && digits("7") == 7 && digits("0042") == 42 && digits("9999") == 9999));
    for (const auto bad : {"", "12345", "-1", "+1", " 1", "1 ", "1.", "0x1", "a", "1a", "\xd9\xa1"})
        BOOST_TEST(!digits(bad), bad);
    BOOST_TEST(!digits(std::string_view("1\0", 2)));
}

BOOST_AUTO_TEST_CASE(only_days_of_the_calendar_and_times_of_the_day_are_taken)
{
    using std::chrono::sys_seconds;
    BOOST_TEST((date_time(1970, 1, 1, 0, 0, 0) == sys_seconds()));
    BOOST_TEST((date_time(2024, 2, 29, 23, 59, 59) == sys_seconds(std::chrono::seconds(1'709'251'199))));
    // A leap second is the second before it.
    BOOST_TEST((date_time(2016, 12, 31, 23, 59, 60) == date_time(2016, 12, 31, 23, 59, 59)));
    const int bad[][6] = {{2023, 2, 29, 0, 0, 0}, {2023, 4, 31, 0, 0, 0}, {2023, 0, 1, 0, 0, 0}, {2023, 13, 1, 0, 0, 0},
        {2023, 1, 0, 0, 0, 0}, {2023, 1, 32, 0, 0, 0}, {2023, 1, 1, 24, 0, 0}, {2023, 1, 1, 0, 60, 0},
        {2023, 1, 1, 0, 0, 61}, {2023, 1, 1, -1, 0, 0}, {2023, 1, 1, 0, -1, 0}, {2023, 1, 1, 0, 0, -1}};
    for (const auto& b : bad)
        BOOST_TEST(!date_time(b[0], b[1], b[2], b[3], b[4], b[5]));
}

BOOST_AUTO_TEST_SUITE_END()
