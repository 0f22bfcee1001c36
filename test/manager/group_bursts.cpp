#include "manager/members.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <vector>

/// More is asked of a group at once than its limits let through.
namespace acme::test {
namespace {

const std::string host = "a.example.com";

bool are_done(const std::vector<outcome_ptr>& all)
{
    return std::all_of(all.begin(), all.end(), [](const auto& o) { return o->done; });
}

std::size_t obtained(const std::vector<outcome_ptr>& all)
{
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [](const auto& o) { return o->certificate != nullptr; }));
}

void many_new_hosts(config& c)
{
    c.limits.new_hosts = rate(1'000, hours(3));
}

/// Others are always faster to change the limits.
class slow_door : public store_door
{
public:
    using store_door::store_door;

    bool is_slow = false;

    boost::asio::awaitable<bool> async_exchange(
        std::string key, std::optional<std::string> expected, std::string desired) override
    {
        if (is_slow && key.ends_with("/limits"))
            co_return false;
        co_return co_await store_door::async_exchange(std::move(key), std::move(expected), std::move(desired));
    }
};

BOOST_AUTO_TEST_SUITE(group_bursts)

BOOST_AUTO_TEST_CASE(a_burst_of_new_hosts_is_obtained)
{
    constexpr int hosts = 100;
    pair_with_doors w(many_new_hosts);
    w.get("warm.example.com");
    w.door->log.clear();
    std::vector<outcome_ptr> all;
    for (int n = 0; n < hosts; ++n)
        all.push_back(w.ask(host_number(n)));
    w.run_until([&] { return are_done(all); });
    BOOST_TEST(obtained(all) == all.size());
    const auto changes = std::count_if(
        w.door->log.begin(), w.door->log.end(), [](const auto& what) { return what.ends_with("/limits"); });
    BOOST_TEST((changes >= hosts && changes < 2 * hosts), changes);
}

BOOST_AUTO_TEST_CASE(a_burst_at_one_manager_does_not_keep_others_from_the_limits)
{
    pair_with_doors w(many_new_hosts);
    w.get("warm.example.com");
    std::vector<outcome_ptr> all;
    for (int n = 0; n < 100; ++n)
        all.push_back(n % 10 == 0 ? w.second.ask(host_number(n)) : w.ask(host_number(n)));
    w.run_until([&] { return are_done(all); });
    BOOST_TEST(obtained(all) == all.size());
    BOOST_TEST(w.told<save_failed>().empty());
    BOOST_TEST(w.second.count<save_failed>() == 0U);
    // No token was taken twice, and none was lost.
    state kept;
    decode_object(kept, w.keys, w.keys.limits(), w.common->objects.at(w.keys.limits()), "the test");
    BOOST_TEST(kept.limits->new_hosts.tokens > 1'000 - 101 - 0.5);
    BOOST_TEST(kept.limits->new_hosts.tokens < 1'000 - 101 + 0.5);
}

BOOST_AUTO_TEST_CASE(limits_that_can_not_be_changed_are_no_failure_of_the_host)
{
    weather w(many_new_hosts);
    const auto door = std::make_shared<slow_door>(std::make_shared<common_store>());
    w.await(w.manager->async_use_store(door));
    w.get("warm.example.com");
    door->is_slow = true;
    BOOST_TEST((w.refusal(host).code() == errc::store_unavailable));
    BOOST_TEST(!w.told<save_failed>().empty());
    BOOST_TEST(w.told<issuance_failed>().empty());
    door->is_slow = false;
    BOOST_TEST(w.get(host));
    BOOST_TEST(w.asked.size() == 2U);
}

BOOST_AUTO_TEST_CASE(who_ends_while_others_wait_for_the_limits_does_no_harm)
{
    pair_with_doors w(many_new_hosts);
    w.get("warm.example.com");
    w.door->turns = 20;
    std::vector<outcome_ptr> all;
    for (int n = 0; n < 20; ++n)
        all.push_back(w.ask(host_number(n)));
    w.run_until([&] {
        return std::count_if(w.door->log.begin(), w.door->log.end(),
                   [](const auto& what) { return what.ends_with("/limits"); }) > 5;
    });
    const auto end = w.start(w.manager->async_shutdown());
    w.run_until([&] { return end->done && are_done(all); });
    w.hook = w.second.manager->credentials();
    BOOST_TEST(w.second.get(host));
}

// All refreshes are due at once: the machine slept.
BOOST_AUTO_TEST_CASE(new_hosts_do_not_wait_behind_all_refreshes)
{
    constexpr int hosts = 60;
    for (const bool is_group : {false, true}) {
        weather w([](config& c) { c.limits.requests = rate(5, minutes(1)); });
        w.ca.state().options.lifetime = hours(160);
        if (is_group)
            w.await(w.manager->async_use_store(std::make_shared<store_door>(std::make_shared<common_store>())));
        w.obtain(hosts);
        w.clock->advance(hours(120));
        // The burst is used up.
        w.run_until([&] { return w.asked.size() >= hosts + 6U; });
        const auto start = w.clock->elapsed();
        const auto asked = w.asked.size();
        const auto o = w.ask(host);
        w.run_until([&] { return o->done; });
        BOOST_TEST(o->certificate);
        BOOST_TEST((w.clock->elapsed() - start <= minutes(2) + seconds(1)), is_group);
        BOOST_TEST((w.asked.size() - asked <= 2U), w.asked.size() - asked);
        w.run_until([&] {
            for (int n = 0; n < hosts; ++n)
                if (w.asked_for(host_number(n)) < 2)
                    return false;
            return true;
        });
        w.settle();
        BOOST_TEST(w.told<issuance_failed>().empty());
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
