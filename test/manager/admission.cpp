#include "manager/world.hpp"

#include <acme/renewal.hpp>

#include <boost/asio/error.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace acme::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

BOOST_AUTO_TEST_SUITE(admission)

BOOST_AUTO_TEST_CASE(a_manager_does_nothing_until_it_is_used)
{
    world w;
    BOOST_TEST(w.io.poll() == 0U);
    BOOST_TEST(w.io.stopped());
    BOOST_TEST(w.network->requests.empty());
    BOOST_TEST(!w.manager->registered());
    BOOST_TEST(w.manager->credentials()->find("www.example.com") == nullptr);
    // And can be dropped unused.
    w.manager.reset();
    w.io.restart();
    w.io.poll();
}

BOOST_AUTO_TEST_CASE(the_first_need_for_a_host_obtains_its_certificate)
{
    world w;
    const auto c = w.get("WWW.Example.Com.");
    BOOST_REQUIRE(c);
    BOOST_TEST((c->names() == std::vector<std::string>{"www.example.com"}));
    BOOST_TEST((w.manager->credentials()->find("www.EXAMPLE.com.") == c));
    BOOST_TEST(w.manager->registered());
    BOOST_TEST(w.orders() == 1U);
    BOOST_TEST(w.registrations() == 1U);
    BOOST_TEST(w.validations == 1U);

    const auto asked = w.network->requests.size();
    BOOST_TEST((w.get("www.example.com") == c));
    BOOST_TEST((w.wait(w.shake_hands("www.example.com")) == c));
    BOOST_TEST(w.network->requests.size() == asked);

    BOOST_REQUIRE(w.told<account_registered>().size() == 1U);
    BOOST_TEST(w.told<account_registered>()[0].created);
    BOOST_REQUIRE(w.told<certificate_obtained>().size() == 1U);
    const auto told = w.told<certificate_obtained>()[0];
    BOOST_TEST(told.host == "www.example.com");
    BOOST_TEST((told.certificate == c));
    BOOST_TEST(!told.refresh);
    BOOST_TEST((told.next_refresh == refresh_time(c->not_before(), c->not_after(), 0)));
    BOOST_TEST(w.events.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_second_host_needs_no_second_account)
{
    world w;
    const auto a = w.get("a.example.com");
    const auto b = w.get("b.example.com");
    BOOST_TEST(!(a->private_key() == b->private_key()));
    BOOST_TEST(w.registrations() == 1U);
    BOOST_TEST(w.orders() == 2U);
}

BOOST_AUTO_TEST_CASE(a_hundred_callers_for_one_host_share_one_order)
{
    world w;
    std::vector<outcome_ptr> callers;
    for (int n = 0; n < 50; ++n) {
        callers.push_back(w.ask(n % 2 == 0 ? "www.example.com" : "WWW.example.com."));
        callers.push_back(w.shake_hands("www.example.com"));
    }
    const auto c = w.wait(callers.front());
    BOOST_TEST((w.manager->credentials()->find("www.example.com") == c));
    for (auto& caller : callers)
        BOOST_TEST((w.wait(caller) == c));
    BOOST_TEST(w.orders() == 1U);
    BOOST_TEST(w.told<certificate_obtained>().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_hundred_callers_for_a_failing_host_share_one_failure)
{
    world w;
    w.validation_error = "no route to host";
    std::vector<outcome_ptr> callers;
    for (int n = 0; n < 100; ++n)
        callers.push_back(w.ask("www.example.com"));
    for (auto& caller : callers) {
        const auto e = w.wait_refused(caller);
        BOOST_TEST((e.code() == errc::authorization_invalid));
        BOOST_TEST(e.host() == "www.example.com");
        BOOST_TEST((e.retry().when == retry_advice::kind::at));
    }
    BOOST_TEST(w.orders() == 1U);
    BOOST_TEST(w.told<issuance_failed>().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_caller_that_goes_away_cancels_nothing_but_its_wait)
{
    world w;
    const auto leaves = w.ask("www.example.com");
    const auto stays = w.ask("www.example.com");
    w.run_until([&] { return w.orders() == 1; });
    leaves->cancel.emit(boost::asio::cancellation_type::terminal);
    const auto e = w.wait_refused(leaves);
    BOOST_TEST((e.code() == boost::asio::error::operation_aborted));
    BOOST_TEST(w.wait(stays));
    BOOST_TEST(w.orders() == 1U);
}

BOOST_AUTO_TEST_CASE(when_all_callers_go_away_the_issuance_goes_on)
{
    world w;
    std::vector<outcome_ptr> callers;
    for (int n = 0; n < 5; ++n)
        callers.push_back(n % 2 == 0 ? w.ask("www.example.com") : w.shake_hands("www.example.com"));
    w.run_until([&] { return w.orders() == 1; });
    for (auto& caller : callers)
        caller->cancel.emit(boost::asio::cancellation_type::terminal);
    for (auto& caller : callers)
        BOOST_TEST((w.wait_refused(caller).code() == boost::asio::error::operation_aborted));
    BOOST_TEST(!w.manager->credentials()->find("www.example.com"));
    w.run_until([&] { return w.manager->credentials()->find("www.example.com") != nullptr; });
    BOOST_TEST(w.get("www.example.com"));
    BOOST_TEST(w.orders() == 1U);
}

BOOST_AUTO_TEST_CASE(callers_that_are_cancelled_at_once_still_end)
{
    world w;
    for (int turns = 0; turns < 12; ++turns) {
        const auto caller = w.ask("www.example.com");
        for (int n = 0; n < turns; ++n)
            w.io.poll_one();
        caller->cancel.emit(boost::asio::cancellation_type::terminal);
        w.io.restart();
        w.run_until([&] { return caller->done; });
        BOOST_TEST((!caller->failure || caller->code() == boost::asio::error::operation_aborted));
    }
    BOOST_TEST(w.get("www.example.com"));
    BOOST_TEST(w.orders() == 1U);
}

BOOST_AUTO_TEST_CASE(a_handshake_waits_so_long_and_no_longer_while_the_issuance_goes_on)
{
    world w;
    w.ca.state().options.validation_polls = 1'000'000;
    const auto patient = w.ask("www.example.com");
    const auto handshake = w.shake_hands("www.example.com");
    const auto e = w.wait_refused(handshake);
    BOOST_TEST((e.code() == errc::timed_out));
    BOOST_TEST(e.host() == "www.example.com");
    BOOST_TEST((w.clock->elapsed() == seconds(30)));
    BOOST_TEST(!patient->done);
    // A later handshake joins what still runs.
    const auto next = w.shake_hands("www.example.com");
    w.settle();
    for (auto& [url, authorization] : w.ca.state().authorizations)
        authorization.polls_left = 0;
    BOOST_TEST(w.wait(next));
    BOOST_TEST((w.wait(patient) == w.wait(next)));
    BOOST_TEST(w.orders() == 1U);
    const auto moment = w.clock->elapsed();
    BOOST_TEST(w.wait(w.shake_hands("www.example.com")));
    BOOST_TEST((w.clock->elapsed() == moment));
}

BOOST_AUTO_TEST_CASE(an_issuance_that_never_ends_is_given_up)
{
    world w([](config& c) { c.issuance_timeout = seconds(120); });
    w.ca.state().options.validation_polls = 1'000'000;
    const auto e = w.refusal("www.example.com");
    BOOST_TEST((e.code() == errc::timed_out));
    BOOST_TEST(between(w.clock->elapsed(), seconds(120), seconds(131)));
    BOOST_TEST(w.manager->credentials()->find_challenge("www.example.com"));
    w.pass(seconds(11));
    BOOST_TEST(!w.manager->credentials()->find_challenge("www.example.com"));
}

BOOST_AUTO_TEST_CASE(a_challenge_is_answered_some_seconds_longer_and_then_no_more)
{
    world w;
    w.get("www.example.com");
    BOOST_TEST(w.manager->credentials()->find_challenge("www.example.com"));
    w.pass(seconds(9));
    BOOST_TEST(w.manager->credentials()->find_challenge("www.example.com"));
    w.pass(seconds(2));
    BOOST_TEST(!w.manager->credentials()->find_challenge("www.example.com"));
}

BOOST_AUTO_TEST_CASE(what_is_no_host_name_is_refused_before_anything_is_touched)
{
    world w([](config& c) { c.limits = limits(); });
    const std::string label(63, 'a');
    const std::vector<std::string> names{"", ".", "..", "localhost", "com", "*", "*.example.com", "www..example.com",
        ".example.com", "www.example.com..", "192.0.2.1", "192.0.2.1.", "::1", "[::1]", "2130706433.", "0x7f000001.",
        "fe80::1%eth0", "w w.example.com", "www_x.example.com", "-a.example.com", "a-.example.com",
        "b\xc3\xbc"
        "cher.example.com",
        "xn--a.example.com", std::string("www.example.com\0", 16), std::string("www\0.example.com", 16),
        "www.example.com\r\nX: y", "www.example.com/x", "http://www.example.com", "a@example.com", "a:443",
        label + "a.example.com", label + "." + label + "." + label + "." + label + ".com", std::string(1'000'000, 'a'),
        "1.0.0.127.in-addr.arpa", "x.onion", "www.www.www.example.com", "example.123"};
    for (const auto& name : names) {
        const auto e = w.refusal(name);
        BOOST_TEST((e.code() == errc::invalid_host_name), "name " << name.substr(0, 50) << ": " << e.what());
        const auto hello = w.wait_refused(w.shake_hands(name));
        const bool empty = name.empty();
        BOOST_TEST((hello.code() == (empty ? errc::no_server_name : errc::invalid_host_name)));
        BOOST_TEST(std::string(hello.what()).size() < 2'000U);
    }
    BOOST_TEST(w.network->requests.empty());
    BOOST_TEST(w.events.empty());
    // Not even the state changed, nor a task was started.
    BOOST_TEST(w.clock->waiting() == 0U);
    server_process other(w.around);
    BOOST_TEST(w.manager->marshal() == other.manager->marshal());
}

BOOST_AUTO_TEST_CASE(waiters_are_bounded_for_one_host_and_in_all)
{
    world w([](config& c) {
        c.max_waiters_per_host = 2;
        c.max_waiters = 3;
    });
    std::vector<outcome_ptr> admitted;
    admitted.push_back(w.ask("a.example.com"));
    admitted.push_back(w.shake_hands("a.example.com"));
    const auto third_of_a = w.ask("a.example.com");
    admitted.push_back(w.ask("b.example.com"));
    const auto fourth = w.ask("c.example.com");
    BOOST_TEST((w.wait_refused(third_of_a).code() == errc::too_many_waiters));
    BOOST_TEST((w.wait_refused(fourth).code() == errc::too_many_waiters));
    for (auto& o : admitted)
        BOOST_TEST(w.wait(o));
    // Their places are free again.
    BOOST_TEST(w.get("c.example.com"));
    BOOST_TEST(w.orders() == 3U);
}

BOOST_AUTO_TEST_CASE(waiters_are_bounded_for_one_client)
{
    world w([](config& c) { c.max_waiters_per_client = 2; });
    const auto from = [&](const char* host, const char* address) {
        client_hello hello(host);
        hello.client_address = boost::asio::ip::make_address(address);
        return w.start(w.manager->async_get_certificate(hello));
    };
    std::vector<outcome_ptr> admitted;
    admitted.push_back(from("a.example.com", "2001:db8::1"));
    admitted.push_back(from("b.example.com", "2001:db8::2"));
    const auto third = from("a.example.com", "2001:db8::3");
    admitted.push_back(from("a.example.com", "2001:db8:0:1::3"));
    admitted.push_back(from("a.example.com", "192.0.2.1"));
    admitted.push_back(w.shake_hands("a.example.com"));
    BOOST_TEST((w.wait_refused(third).code() == errc::too_many_waiters));
    for (auto& o : admitted)
        BOOST_TEST(w.wait(o));
    BOOST_TEST(w.wait(from("c.example.com", "2001:db8::3")));
}

BOOST_AUTO_TEST_CASE(places_of_cancelled_waiters_are_free_again)
{
    world w([](config& c) { c.max_waiters = 2; });
    w.ca.state().options.validation_polls = 1'000'000;
    for (int n = 0; n < 10; ++n) {
        const auto leaves = w.shake_hands("a.example.com");
        const auto leaves_too = w.ask("a.example.com");
        w.settle();
        leaves->cancel.emit(boost::asio::cancellation_type::terminal);
        leaves_too->cancel.emit(boost::asio::cancellation_type::terminal);
        BOOST_TEST((w.wait_refused(leaves).code() == boost::asio::error::operation_aborted));
        BOOST_TEST((w.wait_refused(leaves_too).code() == boost::asio::error::operation_aborted));
    }
}

BOOST_AUTO_TEST_CASE(issuances_under_way_are_bounded)
{
    world w([](config& c) { c.max_issuances = 2; });
    std::vector<outcome_ptr> callers;
    for (int n = 0; n < 7; ++n)
        callers.push_back(w.ask(host_number(n)));
    std::size_t most = 0;
    const auto all_done = [&] { return std::all_of(callers.begin(), callers.end(), [](auto& o) { return o->done; }); };
    w.run_until([&] {
        most = std::max(most, w.orders() - w.network->count("POST", "/cert/"));
        return all_done();
    });
    BOOST_TEST(most == 2U);
    for (auto& caller : callers)
        BOOST_TEST(w.wait(caller));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(allowed_hosts)

BOOST_AUTO_TEST_CASE(the_list_is_exact_and_live)
{
    world w;
    w.manager->set_hosts({"A.example.com.", "b.example.com"});
    BOOST_TEST((w.refusal("c.example.com").code() == errc::host_not_allowed));
    BOOST_TEST((w.refusal("x.a.example.com").code() == errc::host_not_allowed));
    BOOST_TEST((w.refusal("example.com").code() == errc::host_not_allowed));
    BOOST_TEST(w.network->requests.empty());
    BOOST_TEST(w.get("a.example.com"));
    w.manager->set_hosts({"c.example.com"});
    BOOST_TEST(w.get("c.example.com"));
    BOOST_TEST((w.refusal("b.example.com").code() == errc::host_not_allowed));
    // A host that was removed is served with what it has.
    BOOST_TEST(w.manager->credentials()->find("a.example.com"));
    BOOST_TEST(w.get("a.example.com"));
}

BOOST_AUTO_TEST_CASE(an_empty_list_allows_none)
{
    world w;
    w.manager->set_hosts({});
    BOOST_TEST((w.refusal("a.example.com").code() == errc::host_not_allowed));
    BOOST_TEST(w.network->requests.empty());
}

BOOST_AUTO_TEST_CASE(a_list_with_something_that_is_no_host_name_changes_nothing)
{
    world w;
    w.manager->set_hosts({"a.example.com"});
    const auto before = w.manager->marshal();
    for (const std::string bad : {"", "localhost", "*.example.com", "192.0.2.1"})
        BOOST_CHECK_EXCEPTION(w.manager->set_hosts({"b.example.com", bad}), error,
            [](const error& e) { return e.code() == errc::invalid_host_name; });
    BOOST_TEST(w.manager->marshal() == before);
    BOOST_TEST((w.refusal("b.example.com").code() == errc::host_not_allowed));
}

BOOST_AUTO_TEST_CASE(a_host_that_was_removed_is_not_refreshed_until_it_is_back)
{
    world w;
    const auto c = w.get("a.example.com");
    w.manager->set_hosts({"b.example.com"});
    w.pass(hours(24 * 100));
    BOOST_TEST(w.orders() == 1U);
    BOOST_TEST((w.manager->credentials()->find("a.example.com") == c));
    w.manager->set_hosts({"a.example.com"});
    w.run_until([&] { return w.manager->credentials()->find("a.example.com") != c; });
    BOOST_TEST(w.orders() == 2U);
}

BOOST_AUTO_TEST_CASE(a_host_that_is_removed_during_its_issuance_gets_no_certificate)
{
    world w;
    const auto caller = w.ask("a.example.com");
    w.run_until([&] { return w.orders() == 1; });
    w.manager->set_hosts({"b.example.com"});
    BOOST_TEST((w.wait_refused(caller).code() == errc::host_not_allowed));
    BOOST_TEST(!w.manager->credentials()->find("a.example.com"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(negative_cache)

BOOST_AUTO_TEST_CASE(a_host_that_failed_is_refused_for_growing_times)
{
    world w;
    w.validation_error = "no route to host";
    std::size_t orders = 0;
    for (const auto pause : {minutes(1), minutes(10), minutes(100), minutes(24 * 60), minutes(24 * 60)}) {
        const auto failed = w.refusal("a.example.com");
        BOOST_TEST((failed.code() == errc::authorization_invalid));
        BOOST_TEST(w.orders() == ++orders);
        BOOST_REQUIRE((failed.retry().when == retry_advice::kind::at));
        const auto again = failed.retry().not_before;
        BOOST_TEST((again >= w.clock->now() + pause - seconds(1)));
        BOOST_TEST((again <= w.clock->now() + pause * 6 / 5 + seconds(1)));

        const auto refused = w.refusal("a.example.com");
        BOOST_TEST((refused.code() == errc::recently_failed));
        BOOST_TEST((refused.retry() == retry_advice::at(again)));
        BOOST_TEST(std::string(refused.what()).find("no route to host") != std::string::npos);
        w.pass(again - w.clock->now() - seconds(1));
        BOOST_TEST((w.refusal("a.example.com").code() == errc::recently_failed));
        BOOST_TEST(w.orders() == orders);
        w.pass(seconds(2));
    }
    w.validation_error.reset();
    BOOST_TEST(w.get("a.example.com"));
}

BOOST_AUTO_TEST_CASE(one_hosts_failure_is_not_anothers)
{
    world w;
    w.ca.state().options.validate = [&](const validation& v) -> std::optional<std::string> {
        if (v.identifier.value == "bad.example.com")
            return "no route to host";
        return std::nullopt;
    };
    BOOST_TEST((w.refusal("bad.example.com").code() == errc::authorization_invalid));
    BOOST_TEST(w.get("good.example.com"));
    BOOST_TEST((w.refusal("bad.example.com").code() == errc::recently_failed));
}

BOOST_AUTO_TEST_CASE(the_memory_is_bounded)
{
    world w([](config& c) { c.max_failures = 2; });
    w.validation_error = "no route to host";
    for (int n = 0; n < 3; ++n)
        BOOST_TEST((w.refusal(host_number(n)).code() == errc::authorization_invalid));
    BOOST_TEST((w.refusal(host_number(2)).code() == errc::recently_failed));
    BOOST_TEST((w.refusal(host_number(1)).code() == errc::recently_failed));
    BOOST_TEST((w.refusal(host_number(0)).code() == errc::authorization_invalid));
}

BOOST_AUTO_TEST_CASE(a_retry_after_is_never_undercut)
{
    world w;
    w.network->rewrite = [](std::size_t, const https_request& r, https_response& answer) {
        if (!r.url.ends_with("/new-order"))
            return;
        auto nonce = answer.find("replay-nonce").value_or("");
        auto refused = problem_answer(429, "rateLimited", "too many certificates already issued");
        refused.fields.emplace_back("replay-nonce", std::string(nonce));
        refused.fields.emplace_back("retry-after", "7200");
        answer = refused;
    };
    const auto start = w.clock->now();
    const auto e = w.refusal("a.example.com");
    BOOST_TEST((e.code() == errc::rate_limited));
    BOOST_TEST((e.retry().not_before >= start + hours(2)));
    w.pass(hours(2) - minutes(1));
    BOOST_TEST((w.refusal("a.example.com").code() == errc::recently_failed));
    BOOST_TEST(w.orders() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
