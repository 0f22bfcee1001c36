#include "manager/members.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

/// Certificates that are in danger of being erased from the store, or from memory, though they are in use.
namespace acme::test {
namespace {

const std::string host = "a.example.com";

struct endangered : pair_with_doors
{
    std::string stored_serial(const std::string& name)
    {
        const auto key = keys.certificate(name);
        const auto found = common->objects.find(key);
        if (found == common->objects.end())
            return "none";
        state s;
        decode_object(s, keys, key, found->second, "the test");
        return std::string(s.certificates.at(name).certificate->serial());
    }
    // In the store, and with both managers.
    bool everywhere(const std::string& name, const certificate_ptr& c)
    {
        if (!c)
            return false;
        const std::string serial(c->serial());
        const auto here = served(name), there = second.served(name);
        return here && here->serial() == serial && there && there->serial() == serial && stored_serial(name) == serial;
    }
};

BOOST_AUTO_TEST_SUITE(lost_certificates)

BOOST_FIXTURE_TEST_CASE(who_comes_back_erases_nothing_that_others_have_saved, endangered)
{
    constexpr int hosts = 3;
    obtain(hosts);
    pass(minutes(1));
    second_door->interrupt();
    settle();
    for (int n = 0; n < hosts; ++n)
        await(manager->async_revoke(host_number(n), revocation_reason::key_compromise));
    run_until([&] { return served(host_number(0)) && served(host_number(1)) && served(host_number(2)); });
    // What the second can't save.
    run_until([&] { return second.count<renewal_suggested>() >= hosts && second.count<save_failed>() > 0; });
    second_door->resume();
    pass(minutes(2));
    for (int n = 0; n < hosts; ++n)
        BOOST_TEST(everywhere(host_number(n), served(host_number(n))));
    BOOST_TEST(asked.size() == 2U * hosts);
}

BOOST_FIXTURE_TEST_CASE(what_others_have_saved_in_place_of_a_revoked_one_stays, endangered)
{
    const auto first = get(host);
    pass(minutes(1));
    door->interrupt();
    settle();
    await(manager->async_revoke(host, revocation_reason::key_compromise));
    BOOST_TEST(!served(host));
    // It hears of the revocation from the CA.
    hook = second.manager->credentials();
    run_until([&] { return second.served(host)->serial() != first->serial(); });
    settle();
    door->resume();
    pass(minutes(2));
    BOOST_TEST(everywhere(host, second.served(host)));
    BOOST_TEST(asked.size() == 2U);
}

BOOST_FIXTURE_TEST_CASE(a_compromised_key_is_erased_when_the_store_is_there_again, endangered)
{
    const auto first = get(host);
    settle();
    manager->set_hosts({"b.example.com"});
    settle();
    door->interrupt();
    settle();
    await(manager->async_revoke(host, revocation_reason::key_compromise));
    settle();
    BOOST_TEST(stored_serial(host) == std::string(first->serial()));
    door->resume();
    pass(minutes(1));
    BOOST_TEST(stored_serial(host) == "none");
    BOOST_TEST(!second.served(host));
}

// The store is set up anew while nobody reaches it.
BOOST_FIXTURE_TEST_CASE(a_store_that_is_set_up_anew_gets_everything_back, endangered)
{
    constexpr int hosts = 5;
    obtain(hosts);
    settle();
    door->interrupt();
    second_door->interrupt();
    settle();
    common->objects.clear();
    for (const auto& each : {door, second_door}) {
        each->cut = false;
        each->tell(store_change::kind::resumed);
        each->tell(store_change::kind::anything);
    }
    pass(minutes(1));
    for (int n = 0; n < hosts; ++n) {
        BOOST_REQUIRE(served(host_number(n)));
        BOOST_TEST(everywhere(host_number(n), served(host_number(n))));
    }
    BOOST_TEST(common->objects.contains(keys.account()));
    member third(*this);
    third.use(std::make_shared<store_door>(common));
    BOOST_TEST(third.get(host_number(0))->serial() == served(host_number(0))->serial());
    BOOST_TEST(registrations() == 1U);
    BOOST_TEST(asked.size() == hosts + 0U);
}

void empty(endangered& w, bool account_first)
{
    std::vector<std::string> names;
    for (const auto& [key, value] : w.common->objects)
        names.push_back(key);
    if (!account_first)
        std::reverse(names.begin(), names.end());
    for (const auto& key : names)
        w.common->change(key, std::nullopt);
}

BOOST_AUTO_TEST_CASE(a_store_that_is_emptied_gets_everything_back)
{
    for (const bool account_first : {true, false}) {
        constexpr int hosts = 5;
        endangered w;
        w.obtain(hosts);
        w.manager->set_hosts({host_number(0), host_number(1), host_number(2), host_number(3), host_number(4)});
        w.settle();
        // One is slower than the other.
        w.second_door->turns = 50;
        empty(w, account_first);
        w.pass(minutes(1));
        for (int n = 0; n < hosts; ++n) {
            BOOST_REQUIRE(w.served(host_number(n)));
            BOOST_TEST(w.everywhere(host_number(n), w.served(host_number(n))));
        }
        BOOST_TEST(w.common->objects.contains(w.keys.account()));
        BOOST_TEST(w.common->objects.contains(state_keys::hosts()));
        BOOST_TEST(w.told<certificate_shared>().empty());
        BOOST_TEST(w.second.count<certificate_shared>() == hosts + 0U);
        // Not everything that is erased is lost.
        w.await(w.manager->async_revoke(host_number(0), revocation_reason::cessation_of_operation));
        w.settle();
        BOOST_TEST(!w.served(host_number(0)));
        BOOST_TEST(!w.second.served(host_number(0)));
        BOOST_TEST(w.stored_serial(host_number(0)) == "none");
    }
}

BOOST_FIXTURE_TEST_CASE(what_is_erased_and_saved_again_stays, endangered)
{
    const auto c = get(host);
    settle();
    const auto value = common->objects.at(keys.certificate(host));
    second_door->late = true;
    common->change(keys.certificate(host), std::nullopt);
    common->change(keys.certificate(host), value);
    settle();
    second_door->deliver();
    settle();
    BOOST_TEST(everywhere(host, c));
    BOOST_TEST(second.count<certificate_shared>() == 1U);
}

BOOST_FIXTURE_TEST_CASE(what_is_erased_is_told_to_watchers, endangered)
{
    get(host);
    settle();
    second.network->cut = true;
    auto watching = second.manager->watch();
    await(watching.async_receive());
    const auto change = start(watching.async_receive());
    settle();
    BOOST_TEST(!change->done);
    common->change(keys.certificate(host), std::nullopt);
    settle();
    BOOST_TEST(!second.served(host));
    BOOST_TEST(change->done);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
