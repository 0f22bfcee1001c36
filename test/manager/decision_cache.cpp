#include "manager/decision_cache.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

namespace acme::test {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const decision_cache::time_point start{hours(24 * 20'000)};

BOOST_AUTO_TEST_SUITE(decisions)

BOOST_AUTO_TEST_CASE(an_answer_holds_for_its_lifetime)
{
    decision_cache c(10);
    BOOST_TEST(!c.find("a", start).has_value());
    c.remember("a", true, start, seconds(100));
    c.remember("b", false, start, seconds(10));
    BOOST_TEST((c.find("a", start + seconds(99)) == true));
    BOOST_TEST((c.find("b", start + seconds(9)) == false));
    BOOST_TEST(!c.find("a", start + seconds(100)).has_value());
    BOOST_TEST(!c.find("b", start + seconds(10)).has_value());
    c.remember("b", true, start + seconds(10), seconds(10));
    BOOST_TEST((c.find("b", start + seconds(15)) == true));
}

BOOST_AUTO_TEST_CASE(a_clock_that_was_set_back_makes_an_end_of_it)
{
    decision_cache c(10);
    c.remember("a", false, start, seconds(100));
    BOOST_TEST(!c.find("a", start - hours(24)).has_value());
}

BOOST_AUTO_TEST_CASE(the_oldest_answer_is_forgotten_first)
{
    decision_cache c(2);
    c.remember("a", true, start, seconds(100));
    c.remember("b", true, start, seconds(100));
    c.remember("a", true, start, seconds(100));
    c.remember("c", true, start, seconds(100));
    BOOST_TEST(c.size() == 2U);
    BOOST_TEST(c.find("a", start).has_value());
    BOOST_TEST(!c.find("b", start).has_value());
    for (int n = 0; n < 1'000; ++n)
        c.remember(std::to_string(n), false, start, seconds(100));
    BOOST_TEST(c.size() == 2U);
}

BOOST_AUTO_TEST_CASE(nothing_is_remembered_where_nothing_is_to_be)
{
    decision_cache none(0);
    none.remember("a", true, start, seconds(100));
    decision_cache some(10);
    some.remember("a", true, start, seconds(0));
    BOOST_TEST(none.size() + some.size() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
