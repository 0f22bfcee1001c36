#include "protocol/limit.hpp"

#include <boost/test/unit_test.hpp>

#include <limits>

using acme::rate;
using acme::token_bucket;
using namespace std::chrono;

namespace {

const auto start = system_clock::time_point(1'800'000'000s);

unsigned take_all(token_bucket& b, system_clock::time_point now)
{
    unsigned n = 0;
    while (n < 1000 && b.try_take(now))
        ++n;
    return n;
}

} // namespace

BOOST_AUTO_TEST_SUITE(token_buckets)

BOOST_AUTO_TEST_CASE(a_burst_then_one_each_interval)
{
    token_bucket b(rate(20, 1min));
    BOOST_TEST(take_all(b, start) == 20U);
    BOOST_TEST(!b.try_take(start + 59s));
    BOOST_TEST(b.try_take(start + 60s));
    BOOST_TEST(!b.try_take(start + 60s));
    BOOST_TEST(take_all(b, start + 60s + 5min) == 5U);
    BOOST_TEST(take_all(b, start + 24h) == 20U);
}

BOOST_AUTO_TEST_CASE(after_the_wait_there_is_a_token)
{
    for (const auto interval : {1s, 7s, 60s, 10'800s, 604'800s}) {
        token_bucket b(rate(3, interval));
        auto now = start;
        for (int i = 0; i < 2000; ++i) {
            now += b.wait(now);
            BOOST_REQUIRE(b.wait(now) == 0ms);
            BOOST_REQUIRE(b.try_take(now));
        }
        // 3 at once, the rest an interval each: no token too many was minted by rounding.
        BOOST_TEST((now - start > 1996 * interval && now - start < 1998 * interval));
    }
}

BOOST_AUTO_TEST_CASE(reservations_queue_up)
{
    token_bucket b(rate(2, 10s));
    BOOST_TEST(b.reserve(start).count() == 0);
    BOOST_TEST(b.reserve(start).count() == 0);
    BOOST_TEST(b.reserve(start).count() == 10'000);
    BOOST_TEST(b.reserve(start).count() == 20'000);
    BOOST_TEST(b.reserve(start + 5s).count() == 25'000);
    BOOST_TEST(!b.try_take(start + 20s));
    b.put_back();
    BOOST_TEST(b.reserve(start + 20s).count() == 10'000);
}

BOOST_AUTO_TEST_CASE(a_token_put_back_never_overfills)
{
    token_bucket b(rate(2, 10s));
    b.put_back();
    BOOST_TEST(take_all(b, start) == 2U);
    b.put_back();
    BOOST_TEST(take_all(b, start) == 1U);
}

BOOST_AUTO_TEST_CASE(a_clock_that_jumps_mints_no_more_than_a_burst)
{
    token_bucket b(rate(5, 1h));
    BOOST_TEST(take_all(b, start) == 5U);
    BOOST_TEST(take_all(b, start + 24h * 3650) == 5U);
    BOOST_TEST(take_all(b, system_clock::time_point::max()) == 5U);
}

BOOST_AUTO_TEST_CASE(a_clock_that_goes_back_neither_mints_nor_locks)
{
    token_bucket b(rate(5, 1h));
    BOOST_TEST(take_all(b, start) == 5U);
    for (const auto now : {start - 24h * 365, system_clock::time_point(), system_clock::time_point::min()}) {
        BOOST_TEST(take_all(b, now) == 0U);
        BOOST_TEST((b.wait(now) <= 1h));
        BOOST_TEST(!b.try_take(now + 59min));
        BOOST_TEST(b.try_take(now + 1h));
        BOOST_TEST(!b.try_take(now + 1h));
    }
}

BOOST_AUTO_TEST_CASE(clocks_that_are_minutes_apart_mint_nothing_by_taking_turns)
{
    token_bucket b(rate(5, 1min));
    BOOST_TEST(take_all(b, start) == 5U);
    for (const auto now : {start + 5min, start, start + 5min, start, start + 5min})
        take_all(b, now);
    BOOST_TEST(take_all(b, start) == 0U);
    BOOST_TEST(take_all(b, start + 5min) == 0U);
    BOOST_TEST(take_all(b, start + 6min) == 1U);
}

BOOST_AUTO_TEST_CASE(unlimited_and_nothing)
{
    token_bucket unlimited(rate::unlimited());
    BOOST_TEST(take_all(unlimited, start) == 1000U);
    BOOST_TEST(unlimited.wait(start).count() == 0);
    BOOST_TEST(unlimited.reserve(start).count() == 0);
    token_bucket negative(rate(1, -5s));
    BOOST_TEST(take_all(negative, start) == 1000U);

    token_bucket never(rate(0, 1s));
    BOOST_TEST(!never.try_take(start));
    never.put_back();
    BOOST_TEST(!never.try_take(start + 24h));
    BOOST_TEST((never.wait(start) == 24h));
    for (int i = 0; i < 100; ++i)
        BOOST_TEST((never.reserve(start) == 24h));
}

BOOST_AUTO_TEST_CASE(an_absurd_interval_waits_without_overflow)
{
    token_bucket b(rate(1, seconds::max()));
    BOOST_TEST(b.try_take(start));
    BOOST_TEST((b.wait(start) > 24h * 365));
    BOOST_TEST((b.reserve(start) > 24h * 365));
    BOOST_TEST((b.reserve(start) > 24h * 365));
}

BOOST_AUTO_TEST_CASE(what_is_saved_goes_on_where_it_was)
{
    token_bucket first(rate(3, 1h));
    BOOST_TEST(first.try_take(start));
    BOOST_TEST(first.try_take(start));
    token_bucket second(rate(3, 1h), first.save());
    BOOST_TEST(take_all(second, start) == 1U);
    token_bucket third(rate(3, 1h), second.save());
    BOOST_TEST(take_all(third, start + 2h) == 2U);
    BOOST_TEST(take_all(third, start + 2h) == 0U);
}

BOOST_AUTO_TEST_CASE(saved_nonsense_becomes_possible)
{
    const double infinity = std::numeric_limits<double>::infinity();
    for (const double tokens : {infinity, 1e300, 21.0}) {
        token_bucket b(rate(5, 1h), token_bucket::saved(tokens, start));
        BOOST_TEST(take_all(b, start) == 5U);
    }
    for (const double tokens : {-infinity, -1e300, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
        token_bucket b(rate(5, 1h), token_bucket::saved(tokens, start));
        BOOST_TEST(take_all(b, start) == 0U);
        BOOST_TEST(b.try_take(start + 1h));
    }
    token_bucket from_the_future(rate(5, 1h), token_bucket::saved(1, start + 24h * 36'500));
    BOOST_TEST(take_all(from_the_future, start) == 1U);
    BOOST_TEST(from_the_future.try_take(start + 1h));
    token_bucket default_saved(rate(5, 1h), token_bucket::saved());
    BOOST_TEST(take_all(default_saved, start) == 5U);
}

BOOST_AUTO_TEST_SUITE_END()
