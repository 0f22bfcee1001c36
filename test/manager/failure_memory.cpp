#include "manager/failure_memory.hpp"

#include <boost/test/unit_test.hpp>

namespace acme::test {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using time_point = std::chrono::system_clock::time_point;

const time_point now = std::chrono::sys_days(std::chrono::year(2026) / std::chrono::June / 1);

failure failed(unsigned count)
{
    return failure{error(make_error_code(errc::dns), "order"), now, count};
}

std::string host(int n)
{
    return "h" + std::to_string(n) + ".example.com";
}

BOOST_AUTO_TEST_SUITE(memory_of_failures)

BOOST_AUTO_TEST_CASE(an_advice_becomes_the_earliest_next_attempt)
{
    BOOST_TEST((earliest(retry_advice::at(now + seconds(77)), now) == now + seconds(77)));
    BOOST_TEST((earliest(retry_advice::never(), now) == now + hours(24)));
    // Even "now" leaves a pause, so that nobody asks in a loop.
    BOOST_TEST((earliest(retry_advice::now(), now) == now + seconds(10)));
}

BOOST_AUTO_TEST_CASE(the_last_failure_of_a_host_is_remembered)
{
    failure_memory m(10);
    BOOST_TEST(m.find(host(1)) == nullptr);
    m.remember(host(1), failed(1));
    m.remember(host(1), failed(2));
    m.remember(host(2), failed(1));
    BOOST_REQUIRE(m.find(host(1)) != nullptr);
    BOOST_TEST(m.find(host(1))->count == 2U);
    BOOST_TEST(m.find(host(2))->count == 1U);
    m.forget(host(1));
    m.forget(host(1));
    BOOST_TEST(m.find(host(1)) == nullptr);
    BOOST_TEST(m.find(host(2)) != nullptr);
    m.clear();
    BOOST_TEST(m.find(host(2)) == nullptr);
    m.remember(host(3), failed(1));
    BOOST_TEST(m.find(host(3)) != nullptr);
}

BOOST_AUTO_TEST_CASE(the_oldest_failure_is_forgotten_for_a_new_one)
{
    failure_memory m(3);
    for (int n = 0; n < 3; ++n)
        m.remember(host(n), failed(1));
    // Failing again makes host 0 the youngest.
    m.remember(host(0), failed(2));
    m.remember(host(3), failed(1));
    BOOST_TEST(m.find(host(0)) != nullptr);
    BOOST_TEST(m.find(host(1)) == nullptr);
    BOOST_TEST(m.find(host(2)) != nullptr);
    BOOST_TEST(m.find(host(3)) != nullptr);
}

BOOST_AUTO_TEST_CASE(it_never_grows_beyond_its_limit)
{
    failure_memory m(5);
    for (int n = 0; n < 1'000; ++n) {
        m.remember(host(n), failed(1));
        if (n % 7 == 0)
            m.forget(host(n - 2));
    }
    int found = 0;
    for (int n = 0; n < 1'000; ++n)
        found += m.find(host(n)) != nullptr ? 1 : 0;
    BOOST_TEST(found <= 5);
    BOOST_TEST(m.find(host(999)) != nullptr);
}

BOOST_AUTO_TEST_CASE(a_memory_of_nothing_remembers_nothing)
{
    failure_memory m(0);
    m.remember(host(1), failed(1));
    BOOST_TEST(m.find(host(1)) == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
