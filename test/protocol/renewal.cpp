#include <acme/renewal.hpp>

#include <boost/test/unit_test.hpp>

#include <limits>

using acme::refresh_time;
using namespace std::chrono;
using clock_point = system_clock::time_point;

namespace {

const auto issued = clock_point(1'800'000'000s);
constexpr auto most = std::numeric_limits<std::uint64_t>::max();

} // namespace

BOOST_AUTO_TEST_SUITE(renewal)

BOOST_AUTO_TEST_CASE(refresh_comes_at_two_thirds_or_at_half_of_a_short_lifetime)
{
    const struct
    {
        seconds lifetime, latest;
    } table[] = {
        {90 * 24h, 60 * 24h},
        {45 * 24h, 30 * 24h},
        {198 * 24h, 132 * 24h},
        {10 * 24h + 3h, (240h + 3h) * 2 / 3},
        {10 * 24h - 2h, 119h},
        {160h, 80h},
        {24h, 12h},
    };
    for (const auto& row : table) {
        const auto latest = refresh_time(issued, issued + row.lifetime, 0) - issued;
        const auto earliest = refresh_time(issued, issued + row.lifetime, most) - issued;
        BOOST_TEST((latest <= row.latest && latest > row.latest - 1s), row.lifetime.count());
        BOOST_TEST((earliest >= row.latest - row.lifetime / 50 - 1s), row.lifetime.count());
        BOOST_TEST((earliest < row.latest - row.lifetime / 50 + 1s), row.lifetime.count());
    }
}

BOOST_AUTO_TEST_CASE(random_bits_spread_the_refreshes_evenly)
{
    const auto day_of = [](std::uint64_t random) { return refresh_time(issued, issued + 90 * 24h, random); };
    const auto whole = day_of(0) - day_of(most);
    for (const std::uint64_t quarter : {1U, 2U, 3U}) {
        const double share = duration<double>(day_of(0) - day_of(quarter << 62)) / duration<double>(whole);
        BOOST_TEST(share == static_cast<double>(quarter) / 4, boost::test_tools::tolerance(1e-6));
    }
}

BOOST_AUTO_TEST_CASE(it_is_never_before_a_third_of_the_lifetime_nor_after_the_end)
{
    for (const auto lifetime : {seconds(1), seconds(2), seconds(10), seconds(600), seconds(86'400 * 398)})
        for (const std::uint64_t random : {std::uint64_t(0), most / 3, most}) {
            const auto at = refresh_time(issued, issued + lifetime, random);
            BOOST_TEST((at - issued >= lifetime / 3.0 - 1us), lifetime.count());
            BOOST_TEST((at < issued + lifetime), lifetime.count());
        }
}

BOOST_AUTO_TEST_CASE(a_certificate_that_is_never_valid_is_due_at_its_end)
{
    BOOST_TEST((refresh_time(issued, issued, most) == issued));
    BOOST_TEST((refresh_time(issued, issued - 1h, most) == issued - 1h));
    BOOST_TEST((refresh_time(clock_point::max(), clock_point::min(), 0) == clock_point::min()));
}

BOOST_AUTO_TEST_CASE(absurd_lifetimes_do_not_overflow)
{
    const auto at = refresh_time(clock_point::min(), clock_point::max(), most);
    BOOST_TEST((at > clock_point::min() && at < clock_point()));
    const auto late = refresh_time(issued, clock_point::max(), 0);
    BOOST_TEST((late > issued && late < clock_point::max()));
}

BOOST_AUTO_TEST_SUITE_END()
