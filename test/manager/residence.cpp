#include "manager/spy_store.hpp"
#include "manager/state.hpp"
#include "manager/world.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>

/// Certificates that are in the store and not, or not yet, in memory.
namespace acme::test {
namespace {

using std::chrono::hours;

/// A store that counts what is loaded, and may hold loads back.
class counting_store : public spy_store
{
public:
    std::vector<std::string> loads;
    bool broken = false;
    // What loads of these keys fail with.
    std::map<std::string, errc> refused;

    boost::asio::awaitable<std::optional<std::string>> async_load(std::string key) override
    {
        loads.push_back(key);
        if (broken)
            throw error(make_error_code(boost::system::errc::io_error), "loading", key);
        if (const auto found = refused.find(key); found != refused.end())
            throw error(make_error_code(found->second), "loading", key);
        co_return co_await spy_store::async_load(std::move(key));
    }

    std::size_t loads_of(const std::string& host) const
    {
        return static_cast<std::size_t>(std::count_if(
            loads.begin(), loads.end(), [&](const std::string& key) { return key.ends_with("certificates/" + host); }));
    }
};

std::size_t at_hand(const server_process& p, int hosts)
{
    std::size_t count = 0;
    for (int n = 0; n < hosts; ++n)
        count += p.manager->credentials()->find(host_number(n)) ? 1U : 0U;
    return count;
}

// A store with that many hosts' certificates.
std::shared_ptr<counting_store> filled(surroundings& around, int hosts)
{
    const auto where = std::make_shared<counting_store>();
    server_process p(around);
    p.await(p.manager->async_use_store(where));
    for (int n = 0; n < hosts; ++n)
        p.get(host_number(n));
    p.await(p.manager->async_shutdown());
    where->loads.clear();
    return where;
}

config bounded(const surroundings& around, std::size_t most)
{
    auto c = around.options();
    c.max_resident = most;
    return c;
}

/// A server with that many certificates in memory at most, which knows all that its store has.
struct bounded_process : server_process
{
    bounded_process(surroundings& s, std::shared_ptr<store> where, config c)
        : server_process(s, std::move(c))
    {
        await(manager->async_use_store(std::move(where)));
        settle();
    }
    bounded_process(surroundings& s, std::shared_ptr<store> where, std::size_t most)
        : bounded_process(s, std::move(where), bounded(s, most))
    {}
};

BOOST_AUTO_TEST_SUITE(residence)

BOOST_AUTO_TEST_CASE(no_more_than_the_bound_stay_in_memory_and_the_others_are_loaded_when_asked_for)
{
    surroundings around;
    const auto where = filled(around, 20);
    const auto ordered = around.orders();
    bounded_process p(around, where, 5);
    BOOST_TEST(at_hand(p, 20) == 5U);
    BOOST_TEST(where->loads.size() >= 20U);
    for (int n = 0; n < 20; ++n) {
        BOOST_TEST(p.wait(p.shake_hands(host_number(n))));
        BOOST_TEST(at_hand(p, 20) <= 5U);
    }
    BOOST_TEST(around.orders() == ordered);
    BOOST_TEST(p.told<host_refused>().empty());
    p.await(p.manager->async_shutdown());
    // Nothing was lost from the store by leaving the memory.
    server_process whole(around);
    whole.await(whole.manager->async_use_store(where));
    BOOST_TEST(at_hand(whole, 20) == 20U);
}

BOOST_AUTO_TEST_CASE(handshakes_that_ask_for_one_host_at_once_load_it_once)
{
    surroundings around;
    const auto where = filled(around, 10);
    bounded_process p(around, where, 2);
    const auto absent = [&] {
        for (int n = 0;; ++n)
            if (!p.manager->credentials()->find(host_number(n)))
                return host_number(n);
    }();
    where->loads.clear();
    std::vector<outcome_ptr> all;
    for (int n = 0; n < 50; ++n)
        all.push_back(p.shake_hands(absent));
    for (auto& each : all)
        BOOST_TEST(p.wait(each));
    BOOST_TEST(where->loads_of(absent) == 1U);
}

BOOST_AUTO_TEST_CASE(hosts_that_are_asked_for_often_and_pinned_ones_stay)
{
    surroundings around;
    const auto where = filled(around, 30);
    auto c = bounded(around, 5);
    c.pinned_hosts = {host_number(29)};
    bounded_process p(around, where, c);
    p.wait(p.shake_hands(host_number(7)));
    for (int n = 0; n < 28; ++n) {
        BOOST_TEST(p.manager->credentials()->find(host_number(7)), "after " << n);
        BOOST_TEST(p.manager->credentials()->find(host_number(29)), "after " << n);
        if (n != 7)
            BOOST_TEST(p.wait(p.shake_hands(host_number(n))));
    }
}

BOOST_AUTO_TEST_CASE(what_is_not_in_memory_is_refreshed_all_the_same)
{
    surroundings around;
    const auto where = filled(around, 12);
    const auto ordered = around.orders();
    bounded_process p(around, where, 3);
    p.pass(hours(24 * 75));
    BOOST_TEST(around.orders() == ordered + 12);
    BOOST_TEST(p.told<certificate_obtained>().size() == 12U);
    BOOST_TEST(at_hand(p, 12) <= 3U);
    for (int n = 0; n < 12; ++n) {
        const auto c = p.wait(p.shake_hands(host_number(n)));
        BOOST_TEST((c->not_before() > around.clock->now() - hours(24 * 40)), n);
    }
    BOOST_TEST(around.orders() == ordered + 12);
}

BOOST_AUTO_TEST_CASE(a_store_that_does_not_answer_costs_no_order)
{
    surroundings around;
    const auto where = filled(around, 6);
    const auto ordered = around.orders();
    bounded_process p(around, where, 2);
    where->broken = true;
    unsigned refused = 0;
    for (int n = 0; n < 6; ++n)
        if (!p.manager->credentials()->find(host_number(n)))
            refused += p.wait_refused(p.shake_hands(host_number(n))).code() == boost::system::errc::io_error ? 1U : 0U;
    BOOST_TEST(refused == 4U);
    where->broken = false;
    for (int n = 0; n < 6; ++n)
        BOOST_TEST(p.wait(p.shake_hands(host_number(n))));
    BOOST_TEST(around.orders() == ordered);
}

BOOST_AUTO_TEST_CASE(a_damaged_object_is_told_and_its_host_ordered_anew)
{
    surroundings around;
    const auto where = filled(around, 6);
    const auto damaged = host_number(3);
    const auto keys = state_keys(around.options().directory_url);
    server_process(around).await(where->async_save(keys.certificate(damaged), "{}"));
    bounded_process p(around, where, 2);
    BOOST_REQUIRE(p.told<state_refused>().size() == 1U);
    BOOST_TEST(p.told<state_refused>()[0].key == keys.certificate(damaged));
    BOOST_TEST(p.wait(p.shake_hands(damaged)));
    BOOST_TEST(around.orders() == 7U);
}

BOOST_AUTO_TEST_CASE(what_a_store_can_not_give_whole_costs_its_host_a_new_order_and_no_other_host_anything)
{
    for (const auto code : {errc::damaged_state, errc::foreign_state}) {
        for (const std::size_t most : {2U, 10U}) {
            surroundings around;
            const auto where = filled(around, 6);
            const auto damaged = host_number(3);
            const auto key = state_keys(around.options().directory_url).certificate(damaged);
            where->refused[key] = code;
            bounded_process p(around, where, most);
            BOOST_REQUIRE(p.told<state_refused>().size() == 1U);
            BOOST_TEST(p.told<state_refused>()[0].key == key);
            for (int n = 0; n < 6; ++n)
                BOOST_TEST(p.wait(p.shake_hands(host_number(n))));
            BOOST_TEST(around.orders() == 7U);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_store_whose_account_or_hosts_are_damaged_is_refused)
{
    for (const auto& key : {state_keys("https://ca.test/directory").account(), state_keys::hosts()}) {
        surroundings around;
        const auto where = filled(around, 1);
        where->refused[key] = errc::damaged_state;
        server_process p(around);
        const auto e = p.wait_refused(p.start(p.manager->async_use_store(where)));
        BOOST_TEST((e.code() == errc::damaged_state));
    }
}

BOOST_AUTO_TEST_CASE(of_what_is_in_memory_and_in_the_store_the_newer_one_is_kept)
{
    surroundings around;
    server_process p(around, bounded(around, 1));
    const auto older = p.get(host_number(0));
    p.pass(hours(24 * 10));
    const auto where = filled(around, 4);
    around.hook = p.manager->credentials();
    p.await(p.manager->async_use_store(where));
    p.settle();
    const auto served = p.wait(p.shake_hands(host_number(0)));
    BOOST_TEST((served->not_after() > older->not_after()));
    p.await(p.manager->async_shutdown());
    server_process later(around);
    later.await(later.manager->async_use_store(where));
    BOOST_TEST(later.manager->credentials()->find(host_number(0))->serial() == served->serial());
}

BOOST_AUTO_TEST_CASE(revoking_finds_a_certificate_in_the_store)
{
    surroundings around;
    const auto where = filled(around, 6);
    bounded_process p(around, where, 1);
    for (int n = 0; n < 6; ++n)
        p.await(p.manager->async_revoke(host_number(n), revocation_reason::cessation_of_operation));
    BOOST_TEST(p.told<certificate_revoked>().size() == 6U);
    p.await(p.manager->async_shutdown());
    server_process whole(around);
    whole.await(whole.manager->async_use_store(where));
    BOOST_TEST(at_hand(whole, 6) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
