#include "testing/rig.hpp"

#include <acme/manager.hpp>

#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <future>

namespace acme::test {
namespace {

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

BOOST_AUTO_TEST_CASE(ninety_days_of_a_thousand_hosts)
{
    constexpr int hosts = 1000;
    ca_options options;
    options.keep_requests = false;
    rig r(std::move(options));
    manager m(r.io.get_executor(), fleet_options(r));
    int failures = 0;
    int obtained = 0;
    for (int n = 0; n < hosts; ++n)
        asio::co_spawn(r.io, m.async_get_certificate(host(n)), [&](std::exception_ptr e, certificate_ptr) {
            failures += e ? 1 : 0;
            ++obtained;
        });
    r.clock->run(r.io, [&] { return obtained == hosts; }, 0ms);
    BOOST_TEST(failures == 0);
    // An outage of three days, when the first refreshes are due.
    r.clock->run(r.io, [&] { return r.clock->elapsed() >= 59 * 24h; }, 0ms);
    r.ca.inject(at(step::any).always(), fault::http_error(503));
    r.clock->run(r.io, [&] { return r.clock->elapsed() >= 62 * 24h; }, 0ms);
    r.ca.clear_faults();
    r.clock->run(r.io, [&] { return r.clock->elapsed() >= 90 * 24h; }, 0ms);
    int expired = 0;
    for (int n = 0; n < hosts; ++n) {
        const auto c = m.credentials()->find(host(n));
        expired += !c || c->not_after() <= r.clock->now() ? 1 : 0;
    }
    BOOST_TEST(expired == 0);
    BOOST_TEST(r.ca.state().certificates.size() == 2u * hosts);
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
