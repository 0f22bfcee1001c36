#include "protocol/budget.hpp"

#include <boost/test/unit_test.hpp>

namespace acme::test {
namespace {

using std::chrono::seconds;

const token_bucket::time_point start{std::chrono::hours(24 * 20'000)};

BOOST_AUTO_TEST_SUITE(budgets)

BOOST_AUTO_TEST_CASE(each_name_has_its_own_bucket)
{
    budget b(rate(2, seconds(60)), 10);
    BOOST_TEST((b.take("a", start) == seconds(0)));
    BOOST_TEST((b.take("a", start) == seconds(0)));
    BOOST_TEST((b.take("b", start) == seconds(0)));
    BOOST_TEST((b.take("a", start) == seconds(60)));
    BOOST_TEST((std::chrono::round<seconds>(b.take("a", start + seconds(20))) == seconds(40)));
    BOOST_TEST((b.take("a", start + seconds(60)) == seconds(0)));
}

BOOST_AUTO_TEST_CASE(what_is_put_back_can_be_taken_again)
{
    budget b(rate(1, seconds(60)), 10);
    BOOST_TEST((b.take("a", start) == seconds(0)));
    b.put_back("a");
    b.put_back("unknown");
    BOOST_TEST((b.take("a", start) == seconds(0)));
    BOOST_TEST((b.take("a", start) > seconds(0)));
}

BOOST_AUTO_TEST_CASE(to_ask_for_the_wait_takes_nothing)
{
    budget b(rate(1, seconds(60)), 10);
    BOOST_TEST((b.wait("a", start) == seconds(0)));
    BOOST_TEST(b.size() == 0U);
    b.take("a", start);
    BOOST_TEST((b.wait("a", start) == seconds(60)));
    BOOST_TEST((b.wait("a", start + seconds(60)) == seconds(0)));
    BOOST_TEST((b.take("a", start + seconds(60)) == seconds(0)));
}

BOOST_AUTO_TEST_CASE(the_name_unused_for_longest_is_forgotten_first)
{
    budget b(rate(1, seconds(60)), 2);
    b.take("a", start);
    b.take("b", start);
    b.take("a", start);
    b.take("c", start);
    BOOST_TEST(b.size() == 2U);
    BOOST_TEST((b.take("a", start) > seconds(0)), "it was asked for after b");
    BOOST_TEST((b.take("b", start) == seconds(0)), "it was forgotten");
}

BOOST_AUTO_TEST_CASE(many_names_stay_within_the_bound)
{
    budget b(rate(1, seconds(60)), 100);
    for (int n = 0; n < 10'000; ++n)
        b.take(std::to_string(n), start);
    BOOST_TEST(b.size() == 100U);
}

BOOST_AUTO_TEST_CASE(an_unlimited_one_remembers_nothing)
{
    budget b(rate::unlimited(), 100);
    for (int n = 0; n < 1'000; ++n)
        BOOST_TEST((b.take("a", start) == seconds(0)));
    BOOST_TEST(b.size() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
