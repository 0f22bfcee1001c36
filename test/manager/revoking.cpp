#include "manager/weather.hpp"

#include <boost/test/unit_test.hpp>

#include <regex>

/// Certificates that are revoked by their owner.
namespace acme::test {
namespace {

const std::string host = "a.example.com";

struct revoking : weather
{
    revoking()
    {
        use_disk();
        first = get(host);
        settle();
    }

    std::optional<int> reason_of(const certificate_ptr& c) const
    {
        for (const auto& [url, record] : ca.state().certificates)
            if (record.leaf_der == c->leaf_der())
                return record.revoked;
        return std::nullopt;
    }
    void revoke(revocation_reason r) { await(manager->async_revoke(host, r)); }
    bool holds_key(const std::string& state, const key& k) const
    {
        // Line ends are escaped in it, perhaps more than once.
        const auto plain = std::regex_replace(state, std::regex(R"(\\+n)"), "\n");
        return plain.find(k.to_pem()) != std::string::npos;
    }

    certificate_ptr first;
};

BOOST_AUTO_TEST_SUITE(revoking_certificates)

BOOST_AUTO_TEST_CASE(what_is_revoked_is_served_until_its_replacement_is_there)
{
    for (const auto reason :
        {revocation_reason::unspecified, revocation_reason::affiliation_changed, revocation_reason::superseded}) {
        revoking w;
        BOOST_TEST(w.holds_key(w.manager->marshal(), w.first->private_key()));
        w.network->decide = [&](std::size_t, const https_request& r) {
            BOOST_TEST((!r.url.ends_with("/new-order") || w.served(host) == w.first));
            return scripted_transport::fate::deliver;
        };
        const auto before = w.right_time();
        w.revoke(reason);
        BOOST_TEST((w.reason_of(w.first) == static_cast<int>(reason)));
        w.run_until([&] { return w.replaced(w.first, host); });
        BOOST_TEST((w.right_time() - before < minutes(2)));
        BOOST_REQUIRE(w.served(host));
        BOOST_TEST(w.served(host)->serial() != w.first->serial());
        BOOST_TEST(!(w.served(host)->private_key() == w.first->private_key()));
        const auto told = w.told<certificate_revoked>();
        BOOST_REQUIRE(told.size() == 1U);
        BOOST_TEST(told[0].host == host);
        BOOST_TEST((told[0].certificate == w.first));
        BOOST_TEST((told[0].reason == reason));
        w.pass(day);
        BOOST_TEST(w.asked.size() == 2U);
    }
}

BOOST_FIXTURE_TEST_CASE(a_compromised_key_is_never_used_again, revoking)
{
    // The disk is slow, so that what it still holds may be found.
    disk->inject(store_fault(operation::erase).times(3));
    bool served_meanwhile = false;
    network->decide = [&](std::size_t, const https_request& r) {
        served_meanwhile = served_meanwhile || (r.url.ends_with("/new-order") && served(host) != nullptr);
        return scripted_transport::fate::deliver;
    };
    revoke(revocation_reason::key_compromise);
    BOOST_TEST((reason_of(first) == 1));
    BOOST_TEST((served(host) != first));
    const auto second = get(host);
    BOOST_TEST(!served_meanwhile);
    BOOST_TEST(second->serial() != first->serial());
    BOOST_TEST(!(second->private_key() == first->private_key()));
    BOOST_TEST(!holds_key(manager->marshal(), first->private_key()));
    pass(minutes(5));
    manager.reset();
    restarted again(*this);
    BOOST_TEST(!holds_key(again.manager->marshal(), first->private_key()));
    BOOST_TEST(again.manager->credentials()->find(host)->serial() == second->serial());
}

BOOST_FIXTURE_TEST_CASE(a_handshake_after_a_compromise_waits_for_the_replacement, revoking)
{
    bool held = true;
    refuse = [&](const wanted_order&) -> std::optional<https_response> {
        return held ? std::optional(problem_answer(503, "serverInternal", "as the test wants it")) : std::nullopt;
    };
    revoke(revocation_reason::key_compromise);
    const auto caller = shake_hands(host);
    wait_refused(caller);
    BOOST_TEST(!served(host));
    held = false;
    pass(minutes(10));
    BOOST_TEST(get(host)->serial() != first->serial());
}

BOOST_FIXTURE_TEST_CASE(a_host_that_is_given_up_is_forgotten, revoking)
{
    revoke(revocation_reason::cessation_of_operation);
    BOOST_TEST((reason_of(first) == 5));
    BOOST_TEST(!served(host));
    pass(100 * day);
    BOOST_TEST(asked.size() == 1U);
    BOOST_TEST(!holds_key(manager->marshal(), first->private_key()));
    manager.reset();
    restarted again(*this);
    BOOST_TEST(!again.manager->credentials()->find(host));
    again.pass(day);
    BOOST_TEST(asked.size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_refusal_changes_nothing, revoking)
{
    const fault all[] = {fault::problem(400, "badRevocationReason"), fault::http_error(503), fault::reset_before(),
        fault::rate_limited(hours(1))};
    for (const auto& each : all) {
        const auto state = manager->marshal();
        ca.inject(at(step::revoke_cert), each);
        const auto caller = start(manager->async_revoke(host, revocation_reason::key_compromise));
        const auto e = wait_refused(caller);
        BOOST_TEST(e.host() == host, each.name());
        settle();
        BOOST_TEST((served(host) == first));
        BOOST_TEST((manager->marshal() == state));
        BOOST_TEST(told<certificate_revoked>().empty());
        BOOST_TEST(asked.size() == 1U);
    }
    BOOST_TEST(!reason_of(first));
}

BOOST_FIXTURE_TEST_CASE(without_a_certificate_there_is_nothing_to_revoke, revoking)
{
    BOOST_TEST((wait_refused(start(manager->async_revoke("b.example.com"))).code() == errc::no_certificate));
    BOOST_TEST((wait_refused(start(manager->async_revoke("no host"))).code() == errc::invalid_host_name));
    BOOST_TEST(ca.count(step::revoke_cert) == 0U);
}

BOOST_FIXTURE_TEST_CASE(one_that_is_revoked_already_is_replaced, revoking)
{
    for (auto& [url, record] : ca.state().certificates)
        record.revoked = 0;
    revoke(revocation_reason::superseded);
    run_until([&] { return replaced(first, host); });
    BOOST_TEST(served(host)->serial() != first->serial());
}

BOOST_FIXTURE_TEST_CASE(one_of_another_account_is_revoked_with_its_own_key, revoking)
{
    for (auto& [url, record] : ca.state().certificates)
        record.account = "https://ca.test/account/other";
    revoke(revocation_reason::superseded);
    BOOST_TEST((reason_of(first) == 4));
    run_until([&] { return replaced(first, host); });
}

BOOST_FIXTURE_TEST_CASE(a_host_that_is_not_allowed_is_revoked_and_not_replaced, revoking)
{
    manager->set_hosts({"b.example.com"});
    settle();
    revoke(revocation_reason::key_compromise);
    pass(day);
    BOOST_TEST(!served(host));
    BOOST_TEST(asked.size() == 1U);
}

// A refresh that is under way for the host when it is given up must not bring it back.
BOOST_FIXTURE_TEST_CASE(a_refresh_under_way_does_not_bring_back_what_was_given_up, revoking)
{
    ca.state().options.issuance_polls = 3;
    run_until([&] { return asked.size() == 2; });
    revoke(revocation_reason::cessation_of_operation);
    pass(day);
    BOOST_TEST(!served(host));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
