#include "manager/members.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

/// What may go wrong with certificates that leave the memory and come back.
namespace acme::test {
namespace {

const std::string host = "a.example.com";

// The hosts of which the CA is asked within a day.
std::size_t polled_in_a_day(weather& w)
{
    const auto before = w.network->requests.size();
    w.pass(day);
    std::set<std::string> urls;
    for (auto n = before; n < w.network->requests.size(); ++n)
        if (w.network->requests[n].url.find("/renewal-info/") != std::string::npos)
            urls.insert(w.network->requests[n].url);
    return urls.size();
}

BOOST_AUTO_TEST_SUITE(away)

BOOST_AUTO_TEST_CASE(nothing_leaves_the_memory_that_is_being_saved)
{
    weather w([](config& c) { c.max_resident = 1; });
    w.use_disk();
    w.get("z.example.com");
    w.settle();
    const auto key = state_keys(w.ca.directory_url()).certificate(host);
    w.disk->inject(store_fault(operation::save).prefix(key).times(4));
    w.disk->inject(store_fault(operation::load).prefix(key).nth(3).stall());
    const auto first = w.get(host);
    // The next attempt stalls, and others need the place.
    w.pass(seconds(31));
    for (int n = 0; n < 3; ++n)
        w.get(host_number(n));
    w.disk->resume();
    w.pass(minutes(5));
    const auto orders = w.asked.size();
    BOOST_TEST(w.get(host)->serial() == first->serial());
    BOOST_TEST(w.asked.size() == orders);
    const restarted later(w);
    BOOST_TEST(later.manager->credentials()->find(host));
}

BOOST_AUTO_TEST_CASE(who_is_not_in_memory_is_asked_about_all_the_same)
{
    weather w([](config& c) { c.max_resident = 2; });
    constexpr int hosts = 20;
    w.use_disk();
    w.obtain(hosts);
    BOOST_TEST(polled_in_a_day(w) == hosts + 0U);
    BOOST_TEST(polled_in_a_day(w) == hosts + 0U);
}

BOOST_AUTO_TEST_CASE(who_is_left_alone_asks_about_the_hosts_of_all)
{
    trio w([](config& c) { c.max_resident = 2; });
    constexpr int hosts = 9;
    std::vector<std::string> names;
    for (int n = 0; n < hosts; ++n)
        names.push_back(host_number(n));
    w.obtain(hosts);
    w.pass(hours(6));
    w.manager->set_hosts(names);
    w.settle();
    w.await(w.second.manager->async_shutdown());
    w.await(w.third.manager->async_shutdown());
    w.settle();
    BOOST_TEST(polled_in_a_day(w) == hosts + 0U);
}

BOOST_AUTO_TEST_CASE(what_is_left_to_others_is_in_memory_within_the_bound)
{
    constexpr int hosts = 60;
    weather w([](config& c) { c.max_resident = 2; });
    w.ca.state().options.lifetime = hours(6);
    const auto common = std::make_shared<common_store>();
    w.await(w.manager->async_use_store(std::make_shared<store_door>(common)));
    w.obtain(hosts);
    std::size_t most = 0;
    // A node that gives signs of life, and does nothing.
    const auto node = state_keys(w.ca.directory_url()).prefix() + "nodes/idle";
    for (int sign = 0; sign < 5 * 12; ++sign) {
        common->change(node, std::to_string(sign));
        const auto end = w.clock->elapsed() + minutes(5);
        w.run_until([&] {
            std::size_t n = 0;
            for (int i = 0; i < hosts; ++i)
                n += w.served(host_number(i)) ? 1U : 0U;
            most = std::max(most, n);
            return w.clock->elapsed() >= end;
        });
    }
    // Those of its own share are refreshed at once.
    BOOST_TEST(most < 45U);
    BOOST_TEST(w.told<certificate_obtained>().size() >= 2U * hosts);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
