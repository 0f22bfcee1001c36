#include "manager/refusal_pace.hpp"

#include <boost/test/unit_test.hpp>

namespace acme::test {
namespace {

using namespace std::chrono_literals;

const refusal_pace::time_point start{1'000'000'000s};

refusal_pace::duration last_of(refusal_pace& pace, int turns, refusal_pace::time_point now)
{
    refusal_pace::duration wait{};
    for (int n = 0; n != turns; ++n)
        wait = pace.take_turn(now);
    return wait;
}

BOOST_AUTO_TEST_SUITE(refusal_pace_)

BOOST_AUTO_TEST_CASE(what_is_saved_up_is_taken_at_once_and_the_others_wait_in_line)
{
    refusal_pace pace(1'000);
    BOOST_TEST((last_of(pace, 100, start) == 0ms));
    BOOST_TEST((pace.take_turn(start) == 1ms));
    BOOST_TEST((pace.take_turn(start) == 2ms));
    BOOST_TEST((pace.take_turn(start + 1ms) == 2ms));
    BOOST_TEST((pace.take_turn(start + 4ms) == 0ms));
    BOOST_TEST((pace.take_turn(start + 4ms) == 1ms));
}

BOOST_AUTO_TEST_CASE(no_more_is_saved_up_in_an_hour)
{
    refusal_pace pace(1'000);
    last_of(pace, 1'000, start);
    BOOST_TEST((last_of(pace, 100, start + 1h) == 0ms));
    BOOST_TEST((pace.take_turn(start + 1h) == 1ms));
}

BOOST_AUTO_TEST_CASE(there_is_a_turn_at_the_slowest_pace)
{
    refusal_pace pace(1);
    BOOST_TEST((pace.take_turn(start) == 0ms));
    BOOST_TEST((pace.take_turn(start) == 200ms));
    BOOST_TEST((pace.take_turn(start + 2s) == 0ms));
}

BOOST_AUTO_TEST_CASE(nobody_waits_for_long)
{
    refusal_pace pace(100);
    BOOST_TEST((last_of(pace, 1'000'000, start) == 200ms));
    // A line that long is forgotten as fast as one of 200 ms.
    BOOST_TEST((pace.take_turn(start + 210ms) == 0ms));
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_set_back_or_ahead_lets_nobody_wait_for_long)
{
    refusal_pace pace(100);
    last_of(pace, 200, start);
    BOOST_TEST((pace.take_turn(start - 24h) == 200ms));
    BOOST_TEST((pace.take_turn(start - 24h + 1s) == 0ms));
    BOOST_TEST((pace.take_turn(start + 24h) == 0ms));
}

BOOST_AUTO_TEST_CASE(without_a_pace_all_have_their_turn)
{
    refusal_pace pace(0);
    BOOST_TEST((last_of(pace, 1'000'000, start) == 0ms));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
