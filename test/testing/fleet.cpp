#include "kit/sanitized.hpp"
#include "testing/rig.hpp"

#include <acme/manager.hpp>

#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <future>

namespace acme::test {
namespace {

// For all that is awaited: it is work, and a machine may be slow.
constexpr auto real_time = 10min;

config fleet_options(rig& r)
{
    config o;
    o.directory_url = r.ca.directory_url();
    o.transport = r.ca.transport();
    o.clock = r.clock;
    o.random = testing::seeded_random(1);
    o.limits = limits::off();
    return o;
}

std::string host(int n)
{
    return "h" + std::to_string(n) + ".example.com";
}

BOOST_AUTO_TEST_SUITE(fleet)

struct fleet_of_hosts : rig
{
    fleet_of_hosts()
        : m(io.get_executor(), fleet_options(*this))
    {
        ca.state().options.keep_requests = false;
    }

    void obtain_all(int hosts)
    {
        int obtained = 0;
        for (int n = 0; n < hosts; ++n)
            asio::co_spawn(io, m.async_get_certificate(host(n)),
                [&](std::exception_ptr e, certificate_ptr) { obtained += e ? 0 : 1; });
        clock->run(io, [&] { return obtained == hosts; }, 0ms, real_time);
    }
    void pass_until(manual_clock::duration d)
    {
        clock->run(io, [&] { return clock->elapsed() >= d; }, 0ms, real_time);
    }
    int expired(int hosts) const
    {
        int all = 0;
        for (int n = 0; n < hosts; ++n) {
            const auto c = m.credentials()->find(host(n));
            all += !c || c->not_after() <= clock->now() ? 1 : 0;
        }
        return all;
    }

    manager m;
};

BOOST_FIXTURE_TEST_CASE(ninety_days_of_a_thousand_hosts, fleet_of_hosts)
{
    constexpr int hosts = sanitized ? 100 : 1000;
    // Its 360,000 polls would take most of the test's time.
    ca.state().options.renewal_info = false;
    obtain_all(hosts);
    pass_until(90 * 24h);
    BOOST_TEST(expired(hosts) == 0);
    BOOST_TEST(ca.state().certificates.size() == 2U * hosts);
}

BOOST_FIXTURE_TEST_CASE(an_outage_of_three_days_when_the_first_refreshes_are_due, fleet_of_hosts)
{
    constexpr int hosts = sanitized ? 10 : 50;
    obtain_all(hosts);
    pass_until(59 * 24h);
    ca.inject(at(step::any).always(), fault::http_error(503));
    pass_until(62 * 24h);
    BOOST_TEST(ca.state().certificates.size() < 2U * hosts);
    ca.clear_faults();
    pass_until(90 * 24h);
    BOOST_TEST(expired(hosts) == 0);
    BOOST_TEST(ca.state().certificates.size() == 2U * hosts);
}

BOOST_AUTO_TEST_CASE(a_ca_answers_in_many_threads)
{
    testing::ca ca;
    asio::thread_pool pool(4);
    config o;
    o.directory_url = ca.directory_url();
    o.transport = ca.transport();
    o.limits = limits::off();
    std::vector<std::unique_ptr<manager>> managers;
    std::vector<std::future<certificate_ptr>> all;
    ca.inject(at(step::any).nth(20).times(5), fault::bad_nonce());
    for (int n = 0; n < 4; ++n)
        managers.push_back(std::make_unique<manager>(pool.get_executor(), o));
    for (int n = 0; n < 100; ++n)
        all.push_back(asio::co_spawn(
            pool, managers[static_cast<std::size_t>(n) % 4]->async_get_certificate(host(n)), asio::use_future));
    for (auto& one : all)
        BOOST_TEST(one.get());
    BOOST_TEST(ca.count(step::finalize, 200) == 100u);
    std::size_t issued = 0;
    ca.change([&](testing::ca_state& s) { issued = s.certificates.size(); });
    BOOST_TEST(issued == 100u);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
