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
    settle();
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
    settle();
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

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
