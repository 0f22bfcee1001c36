#include "crypto/base64.hpp"
#include "manager/world.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/test/unit_test.hpp>

#include <stdexcept>
#include <thread>

namespace acme::test {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

BOOST_AUTO_TEST_SUITE(registration)

BOOST_AUTO_TEST_CASE(the_first_need_registers_without_contact_and_agrees)
{
    world w;
    w.get("a.example.com");
    BOOST_REQUIRE(w.ca.state().accounts.size() == 1U);
    BOOST_TEST(w.ca.state().accounts.begin()->second.contact.empty());
    BOOST_REQUIRE(w.told<account_registered>().size() == 1U);
    BOOST_TEST(w.told<account_registered>()[0].url == w.ca.state().accounts.begin()->first);
}

BOOST_AUTO_TEST_CASE(it_can_be_done_ahead_and_with_an_address)
{
    world w;
    w.await(w.manager->async_register("admin@example.com"));
    BOOST_TEST(w.manager->registered());
    BOOST_TEST(w.orders() == 0U);
    BOOST_REQUIRE(w.ca.state().accounts.size() == 1U);
    BOOST_REQUIRE(w.ca.state().accounts.begin()->second.contact.size() == 1U);
    BOOST_TEST(w.ca.state().accounts.begin()->second.contact[0] == "mailto:admin@example.com");
    w.get("a.example.com");
    BOOST_TEST(w.registrations() == 1U);
}

BOOST_AUTO_TEST_CASE(a_second_registration_updates_the_contact)
{
    world w;
    w.await(w.manager->async_register(""));
    w.await(w.manager->async_register("admin@example.com"));
    w.await(w.manager->async_register(""));
    BOOST_TEST(w.registrations() == 1U);
    BOOST_REQUIRE(w.ca.state().accounts.size() == 1U);
    BOOST_TEST(w.ca.state().accounts.begin()->second.contact[0] == "mailto:admin@example.com");
}

BOOST_AUTO_TEST_CASE(the_prompt_sees_the_terms_and_may_agree)
{
    world w;
    std::vector<std::string> asked;
    w.await(w.manager->async_register("", [&](const std::string& terms) {
        asked.push_back(terms);
        BOOST_TEST(w.ca.state().accounts.empty());
        return true;
    }));
    BOOST_TEST((asked == std::vector<std::string>{"https://ca.test/terms"}));
    BOOST_TEST(w.manager->registered());
}

BOOST_AUTO_TEST_CASE(the_prompt_may_refuse_and_nothing_is_registered)
{
    world w;
    const auto refused = w.start(w.manager->async_register("", [](const std::string&) { return false; }));
    BOOST_TEST((w.wait_refused(refused).code() == errc::terms_refused));
    BOOST_TEST(!w.manager->registered());
    BOOST_TEST(w.registrations() == 0U);
}

BOOST_AUTO_TEST_CASE(what_the_prompt_throws_reaches_the_caller)
{
    world w;
    const auto o = w.start(
        w.manager->async_register("", [](const std::string&) -> bool { throw std::out_of_range("on purpose"); }));
    BOOST_CHECK_THROW(w.wait(o), std::out_of_range);
    BOOST_TEST(w.registrations() == 0U);
    BOOST_TEST(w.get("a.example.com"));
}

BOOST_AUTO_TEST_CASE(the_prompt_is_asked_where_the_caller_runs)
{
    world w;
    boost::asio::thread_pool elsewhere(1);
    std::thread::id asked_on;
    std::thread::id callers;
    bool ended = false;
    auto call = [&]() -> boost::asio::awaitable<void> {
        callers = std::this_thread::get_id();
        terms_prompt prompt = [&](const std::string&) {
            asked_on = std::this_thread::get_id();
            return true;
        };
        co_await w.manager->async_register("", prompt);
    };
    boost::asio::co_spawn(elsewhere, call, [&](std::exception_ptr) { boost::asio::post(w.io, [&] { ended = true; }); });
    const auto work = boost::asio::make_work_guard(w.io);
    w.patience = std::chrono::milliseconds(20);
    w.run_until([&] { return ended; });
    elsewhere.join();
    BOOST_TEST((asked_on == callers));
    BOOST_TEST((asked_on != std::this_thread::get_id()));
    BOOST_TEST(w.manager->registered());
}

BOOST_AUTO_TEST_CASE(an_external_account_is_bound)
{
    const std::string mac_key(32, 'k');
    world w([&](config& c) { c.external = external_account("kid-1", base64url_encode(mac_key)); });
    w.ca.state().options.external_accounts["kid-1"] = mac_key;
    BOOST_TEST(w.get("a.example.com"));
    BOOST_TEST(w.ca.state().accounts.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_refused_registration_is_remembered_for_all_hosts_until_somebody_registers)
{
    world w;
    w.ca.state().options.external_accounts["kid-1"] = std::string(32, 'k');
    const auto first = w.refusal("a.example.com");
    BOOST_TEST((first.code() == errc::external_account_required));
    BOOST_TEST(w.registrations() == 1U);
    for (int n = 0; n < 10; ++n)
        BOOST_TEST((w.refusal(host_number(n)).code() == errc::external_account_required));
    BOOST_TEST(w.registrations() == 1U);
    BOOST_TEST(!w.manager->registered());
    w.ca.state().options.external_accounts.clear();
    w.await(w.manager->async_register("admin@example.com"));
    // And the hosts that failed for want of it need not wait.
    BOOST_TEST(w.get("a.example.com"));
    BOOST_TEST(w.registrations() == 2U);
}

BOOST_AUTO_TEST_CASE(a_ca_out_of_reach_is_asked_again_later)
{
    world w;
    w.network->decide = [](std::size_t, const https_request&) { return scripted_transport::fate::lose_request; };
    const auto e = w.refusal("a.example.com");
    BOOST_TEST((e.code() == boost::asio::error::connection_reset));
    BOOST_REQUIRE((e.retry().when == retry_advice::kind::at));
    const auto asked = w.network->requests.size();
    BOOST_TEST((w.refusal("b.example.com").code() == boost::asio::error::connection_reset));
    BOOST_TEST(w.network->requests.size() == asked);
    w.network->decide = {};
    w.pass(e.retry().not_before - w.clock->now() + seconds(1));
    BOOST_TEST(w.get("a.example.com"));
}

BOOST_AUTO_TEST_CASE(a_lost_answer_leads_to_one_account_all_the_same)
{
    world w;
    bool lost = false;
    w.network->decide = [&](std::size_t, const https_request& r) {
        if (lost || !r.url.ends_with("/new-account"))
            return scripted_transport::fate::deliver;
        lost = true;
        return scripted_transport::fate::lose_answer;
    };
    BOOST_TEST((w.refusal("a.example.com").code() == boost::asio::error::connection_reset));
    BOOST_TEST(!w.manager->registered());
    w.pass(minutes(2));
    BOOST_TEST(w.get("a.example.com"));
    BOOST_TEST(w.ca.state().accounts.size() == 1U);
    BOOST_REQUIRE(w.told<account_registered>().size() == 1U);
    BOOST_TEST(!w.told<account_registered>()[0].created);
}

BOOST_AUTO_TEST_CASE(an_account_that_the_ca_forgot_is_registered_again_with_its_key)
{
    world w;
    w.get("a.example.com");
    const auto jwk = w.ca.state().accounts.begin()->second.jwk;
    w.ca.state().accounts.clear();
    BOOST_TEST(w.get("b.example.com"));
    BOOST_REQUIRE(w.ca.state().accounts.size() == 1U);
    BOOST_TEST((w.ca.state().accounts.begin()->second.jwk == jwk));
    BOOST_TEST(w.registrations() == 2U);
}

BOOST_AUTO_TEST_CASE(many_hosts_that_learn_it_together_register_once)
{
    world w;
    w.get("a.example.com");
    w.ca.state().accounts.clear();
    std::vector<outcome_ptr> callers;
    for (int n = 0; n < 10; ++n)
        callers.push_back(w.ask(host_number(n)));
    for (auto& caller : callers)
        BOOST_TEST(w.wait(caller));
    BOOST_TEST(w.registrations() == 2U);
    BOOST_TEST(w.ca.state().accounts.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_ca_that_forgets_again_and_again_is_not_asked_in_a_loop)
{
    world w;
    w.ca.state().options.validate = [&](const validation&) { return std::nullopt; };
    w.network->rewrite = [&](std::size_t, const https_request& r, https_response&) {
        if (r.url.ends_with("/new-account"))
            w.ca.state().accounts.clear();
    };
    BOOST_TEST((w.refusal("a.example.com").code() == errc::account_does_not_exist));
    BOOST_TEST(w.registrations() == 2U);
    BOOST_TEST(w.network->requests.size() < 10U);
}

BOOST_AUTO_TEST_CASE(concurrent_registrations_and_first_needs_share_one_account)
{
    world w;
    std::vector<outcome_ptr> all;
    for (int n = 0; n < 5; ++n) {
        all.push_back(w.ask(host_number(n)));
        all.push_back(w.start(w.manager->async_register("")));
        all.push_back(w.start(w.manager->async_register("", [](const std::string&) { return true; })));
    }
    for (auto& o : all)
        w.wait(o);
    BOOST_TEST(w.registrations() == 1U);
    BOOST_TEST(w.ca.state().accounts.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_cancelled_registration_ends_at_every_moment)
{
    for (int turns = 0; turns < 40; ++turns) {
        world w;
        const auto o = w.start(w.manager->async_register("admin@example.com", [](const std::string&) { return true; }));
        for (int n = 0; n < turns; ++n)
            w.io.poll_one();
        o->cancel.emit(boost::asio::cancellation_type::terminal);
        w.run_until([&] { return o->done; });
        BOOST_TEST((!o->failure || o->code() == boost::asio::error::operation_aborted));
        // What has not begun, newer Asio ends by itself.
        BOOST_TEST((!o->failure || turns == 0 || o->refused()));
        BOOST_TEST(w.get("a.example.com"));
        BOOST_TEST(w.ca.state().accounts.size() == 1U);
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
