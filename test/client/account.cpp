#include "client/bench.hpp"
#include "crypto/base64.hpp"

#include <boost/test/unit_test.hpp>

using namespace acme;
using namespace acme::test;

BOOST_AUTO_TEST_SUITE(client_account)

BOOST_AUTO_TEST_CASE(new_account_creates_then_finds)
{
    bench b;
    client c(b.options());
    BOOST_TEST(c.account_url().empty());
    account_request request;
    request.contact.push_back("mailto:admin@example.com");
    const account first = b.run(c.async_new_account(request));
    BOOST_TEST(first.created);
    BOOST_TEST(first.url == c.account_url());
    BOOST_TEST(b.ca.state().accounts.contains(first.url));
    BOOST_TEST(first.contact == request.contact, boost::test_tools::per_element());
    const account again = b.run(c.async_new_account(request));
    BOOST_TEST(!again.created);
    BOOST_TEST(again.url == first.url);
    BOOST_TEST(b.ca.state().accounts.size() == 1u);
}

BOOST_AUTO_TEST_CASE(cold_start_costs_a_directory_a_nonce_and_the_request)
{
    bench b;
    client c(b.options());
    b.run(c.async_new_account(account_request()));
    BOOST_TEST(b.net->requests.size() == 3u);
    BOOST_TEST(b.net->count("HEAD", "/new-nonce") == 1u);
    b.run(c.async_account());
    BOOST_TEST(b.net->requests.size() == 4u);
}

BOOST_AUTO_TEST_CASE(find_account_is_empty_where_there_is_none_and_never_creates)
{
    bench b;
    client c(b.options());
    BOOST_TEST(!b.run(c.async_find_account()));
    BOOST_TEST(b.ca.state().accounts.empty());
    BOOST_TEST(c.account_url().empty());
    b.run(c.async_new_account(account_request()));

    client_options other = b.options();
    other.account_key = c.account_key();
    client d(other);
    const auto found = b.run(d.async_find_account());
    BOOST_REQUIRE(found);
    BOOST_TEST(found->url == c.account_url());
    BOOST_TEST(d.account_url() == c.account_url());
}

BOOST_AUTO_TEST_CASE(update_replaces_contacts)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    std::vector<std::string> contact(1, "mailto:new@example.com");
    BOOST_TEST(b.run(c.async_update_account(contact)).contact == contact, boost::test_tools::per_element());
    BOOST_TEST(b.run(c.async_account()).contact == contact, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(deactivated_account_is_refused_afterwards)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    BOOST_TEST((b.run(c.async_deactivate_account()).status == account_status::deactivated));
    const auto e = b.failure_of(c.async_account());
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::unauthorized);
    BOOST_TEST(e->step() == "account");
    const auto n = b.failure_of(c.async_new_account(account_request()));
    BOOST_REQUIRE(n);
    BOOST_TEST(n->code() == errc::unauthorized);
}

BOOST_AUTO_TEST_CASE(without_agreement_the_ca_asks_for_a_person)
{
    bench b;
    client c(b.options());
    account_request request;
    request.terms_of_service_agreed = false;
    const auto e = b.failure_of(c.async_new_account(request));
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::user_action_required);
    BOOST_TEST(e->problem().has_value());
}

BOOST_AUTO_TEST_CASE(external_account_is_bound_with_every_spelling_of_the_mac_key)
{
    const std::string mac("\xfb\xff\xfe 32 octets of a MAC key ......", 32);
    const std::string url_safe = base64url_encode(mac);
    std::string standard = url_safe;
    for (char& ch : standard)
        ch = ch == '-' ? '+' : ch == '_' ? '/' : ch;
    for (const std::string& spelling : {url_safe, standard, standard + "="}) {
        bench b;
        b.ca.state().options.external_accounts["kid-1"] = mac;
        client c(b.options());
        account_request request;
        request.external = external_account("kid-1", spelling);
        BOOST_TEST(b.run(c.async_new_account(request)).created);
    }
}

BOOST_AUTO_TEST_CASE(external_account_errors_are_told_apart)
{
    struct
    {
        const char* key_id;
        std::string mac_key;
        errc expected;
    } const cases[] = {
        {nullptr, "", errc::external_account_required},
        {"kid-1", base64url_encode("not the key"), errc::unauthorized},
        {"kid-2", base64url_encode("the key"), errc::unauthorized},
        {"kid-1", "!!!", errc::external_account_required},
        {"kid-1", "", errc::external_account_required},
    };
    for (const auto& row : cases) {
        bench b;
        b.ca.state().options.external_accounts["kid-1"] = "the key";
        client c(b.options());
        account_request request;
        if (row.key_id != nullptr)
            request.external = external_account(row.key_id, row.mac_key);
        const auto e = b.failure_of(c.async_new_account(request));
        BOOST_REQUIRE(e);
        BOOST_TEST(e->code() == row.expected);
        BOOST_TEST(b.ca.state().accounts.empty());
    }
}

BOOST_AUTO_TEST_CASE(without_an_account_nothing_is_sent_in_its_name)
{
    bench b;
    client c(b.options());
    const auto e = b.failure_of(c.async_account());
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::account_does_not_exist);
    BOOST_TEST(b.net->count("POST") == 0u);
}

BOOST_AUTO_TEST_CASE(an_account_that_the_ca_forgot_is_reported)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    b.ca.state().accounts.clear();
    const auto e = b.failure_of(c.async_account());
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::account_does_not_exist);
    // The same key registers again.
    BOOST_TEST(b.run(c.async_new_account(account_request())).created);
}

BOOST_AUTO_TEST_CASE(key_change_signs_with_the_new_key_from_then_on)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    const key old = c.account_key();
    const key fresh = key::generate();
    b.run(c.async_key_change(fresh));
    BOOST_TEST((c.account_key() == fresh));
    BOOST_TEST((b.run(c.async_account()).status == account_status::valid));

    client_options stale = b.options();
    stale.account_key = old;
    client d(stale);
    BOOST_TEST(!b.run(d.async_find_account()));
}

BOOST_AUTO_TEST_CASE(key_change_to_a_key_in_use_is_refused_and_changes_nothing)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    client other(b.options());
    b.run(other.async_new_account(account_request()));
    const key before = c.account_key();
    const auto e = b.failure_of(c.async_key_change(other.account_key()));
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == errc::conflict);
    BOOST_TEST((c.account_key() == before));
    b.run(c.async_account());
}

BOOST_AUTO_TEST_CASE(the_account_url_is_used_byte_for_byte)
{
    bench b;
    client c(b.options());
    b.warm_up(c);
    client_options o = b.options();
    o.account_key = c.account_key();
    o.account_url = c.account_url();
    client d(o);
    BOOST_TEST(b.run(d.async_account()).url == c.account_url());
}

BOOST_AUTO_TEST_CASE(a_relative_location_is_resolved_and_a_missing_or_foreign_one_refused)
{
    struct
    {
        const char* location;
        bool good;
    } const cases[] = {
        {"/account/1", true}, {nullptr, false}, {"http://ca.test/account/1", false}, {"javascript:1", false}};
    for (const auto& row : cases) {
        bench b;
        b.net->rewrite = [&](std::size_t, const https_request& r, https_response& a) {
            if (r.url.find("/new-account") == std::string::npos)
                return;
            std::erase_if(a.fields, [](const auto& f) { return f.first == "location"; });
            if (row.location != nullptr)
                a.fields.emplace_back("location", row.location);
        };
        client c(b.options());
        const auto e = b.failure_of(c.async_new_account(account_request()));
        BOOST_TEST(!e.has_value() == row.good);
        if (e) {
            BOOST_TEST(e->code() == errc::unexpected_answer);
            BOOST_TEST(e->step() == "newAccount");
            BOOST_TEST(c.account_url().empty());
        } else {
            b.run(c.async_account());
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
