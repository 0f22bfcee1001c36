#include "manager/members.hpp"

#include <boost/test/unit_test.hpp>

/// What one manager revokes, or gives up, is so for all on its store.
namespace acme::test {
namespace {

const std::string host = "a.example.com";

BOOST_AUTO_TEST_SUITE(group_revocations)

BOOST_FIXTURE_TEST_CASE(a_compromised_key_is_served_by_nobody, trio)
{
    const auto first = get(host);
    settle();
    bool served_meanwhile = false;
    network->decide = [&](std::size_t, const https_request& r) {
        if (r.url.ends_with("/new-order"))
            served_meanwhile = served(host) || second.served(host) || third.served(host);
        return scripted_transport::fate::deliver;
    };
    await(second.manager->async_revoke(host, revocation_reason::key_compromise));
    run_until([&] { return served(host) && second.served(host) && third.served(host); });
    settle();
    BOOST_TEST(!served_meanwhile);
    BOOST_TEST(served(host)->serial() != first->serial());
    BOOST_TEST(served(host)->serial() == second.served(host)->serial());
    BOOST_TEST(served(host)->serial() == third.served(host)->serial());
    pass(day);
    BOOST_TEST(asked.size() == 2U);
    BOOST_TEST(served(host)->serial() != first->serial());
}

BOOST_FIXTURE_TEST_CASE(a_compromised_key_is_not_served_while_its_refresh_is_under_way, trio)
{
    const auto first = get(host);
    settle();
    network->decide = [&](std::size_t, const https_request& r) {
        return r.url.ends_with("/new-order") ? scripted_transport::fate::hang : scripted_transport::fate::deliver;
    };
    run_until([&] { return orders() == 2; });
    network->decide = {};
    // Whoever has begun the refresh is one of them.
    for (auto* each : {manager.get(), second.manager.get(), third.manager.get()}) {
        if (each->credentials()->find(host))
            await(each->async_revoke(host, revocation_reason::key_compromise));
        settle();
        break;
    }
    BOOST_TEST((served(host) == nullptr && second.served(host) == nullptr && third.served(host) == nullptr));
}

BOOST_FIXTURE_TEST_CASE(a_plan_that_changes_meanwhile_does_not_bring_a_compromised_key_back, pair_with_doors)
{
    const auto first = get(host);
    settle();
    second_door->late = true;
    second_door->log.clear();
    // The second learns a window before it hears of the revocation.
    const auto start = right_time() + 10 * day;
    set_window(start, start + day);
    network->decide = [&](std::size_t, const https_request& r) {
        return r.url.ends_with("/new-order") ? scripted_transport::fate::hang : scripted_transport::fate::deliver;
    };
    await(manager->async_revoke(host, revocation_reason::key_compromise));
    run_until([&] { return second.count<renewal_suggested>() > 1 || second.served(host) == nullptr; });
    settle();
    BOOST_TEST(!common->objects.contains(keys.certificate(host)));
    BOOST_TEST(!served(host));
    second_door->deliver();
    settle();
    BOOST_TEST(!second.served(host));
    BOOST_TEST(!common->objects.contains(keys.certificate(host)));
}

BOOST_FIXTURE_TEST_CASE(a_host_that_is_given_up_is_gone_everywhere, trio)
{
    get(host);
    settle();
    await(second.manager->async_revoke(host, revocation_reason::cessation_of_operation));
    settle();
    BOOST_TEST((served(host) == nullptr && second.served(host) == nullptr && third.served(host) == nullptr));
    pass(100 * day);
    BOOST_TEST(asked.size() == 1U);
    BOOST_TEST((served(host) == nullptr && second.served(host) == nullptr && third.served(host) == nullptr));
}

BOOST_AUTO_TEST_CASE(a_host_that_is_given_up_during_its_refresh_is_gone_everywhere)
{
    for (const bool by_whoever_refreshes : {true, false}) {
        pair_with_doors w;
        w.ca.state().options.lifetime = hours(160);
        w.get(host);
        w.settle();
        w.ca.state().options.issuance_polls = 1'000'000;
        w.run_until([&] { return w.orders() == 2; });
        const bool by_first = (w.second.network->orders == 0) == by_whoever_refreshes;
        acme::manager& one = by_first ? *w.manager : *w.second.manager;
        const auto revoked = w.start(one.async_revoke(host, revocation_reason::cessation_of_operation));
        w.settle();
        BOOST_TEST(!one.credentials()->find(host));
        w.ca.state().options.issuance_polls = 0;
        for (auto& [url, o] : w.ca.state().orders)
            o.polls_left = 0;
        w.wait(revoked);
        w.pass(hours(2));
        BOOST_TEST((w.served(host) == nullptr && w.second.served(host) == nullptr));
        BOOST_TEST(!w.common->objects.contains(w.keys.certificate(host)));
        w.pass(7 * day);
        BOOST_TEST(w.asked.size() == 2U);
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
