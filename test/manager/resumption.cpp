#include "manager/spy_store.hpp"
#include "manager/world.hpp"

#include <boost/asio/error.hpp>
#include <boost/test/unit_test.hpp>

namespace acme::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// A process that ends as by kill -9: its io_context goes with everything in it, and only the store remains.
struct crashing : surroundings
{
    std::shared_ptr<store> s = make_memory_store();

    // Runs until the request of that number has reached the CA, and ends. False where there was no such request.
    bool crash_at(std::size_t number)
    {
        server_process p(*this);
        p.await(p.manager->async_use_store(s));
        const auto end = network->requests.size() + number;
        const auto caller = p.ask("a.example.com");
        network->decide = [&](std::size_t n, const https_request&) {
            return n + 1 == end ? scripted_transport::fate::hang : scripted_transport::fate::deliver;
        };
        bool reached = false;
        p.run_until([&] {
            reached = network->requests.size() == end && network->in_flight == 1;
            return caller->done || reached;
        });
        p.settle();
        network->decide = {};
        return reached;
    }
};

BOOST_AUTO_TEST_SUITE(resumption)

BOOST_AUTO_TEST_CASE(a_crash_at_any_request_loses_neither_certificate_nor_order)
{
    bool crashed = true;
    std::size_t number = 1;
    for (; crashed; ++number) {
        crashing w;
        crashed = w.crash_at(number);
        const auto finalized = w.finalizes();
        BOOST_TEST(finalized <= 1U);
        server_process next(w);
        next.await(next.manager->async_use_store(w.s));
        const auto c = next.get("a.example.com");
        BOOST_REQUIRE(c);
        BOOST_TEST(w.ca.state().accounts.size() == 1U, "request " << number);
        if (finalized == 0)
            continue;
        // What was finalized is not ordered, nor issued, twice.
        BOOST_TEST(w.orders() == 1U, "request " << number);
        BOOST_TEST(w.finalizes() == 1U, "request " << number);
        BOOST_TEST(w.ca.state().certificates.size() == 1U, "request " << number);
    }
    BOOST_TEST(number > 8U);
}

BOOST_AUTO_TEST_CASE(a_restarted_process_finishes_by_itself_what_was_begun)
{
    crashing w;
    std::size_t number = 1;
    while (w.finalizes() == 0)
        w.crash_at(number++);
    const auto orders = w.orders();
    server_process next(w);
    next.await(next.manager->async_use_store(w.s));
    next.run_until([&] { return next.manager->credentials()->find("a.example.com") != nullptr; });
    BOOST_TEST(w.orders() == orders);
}

BOOST_AUTO_TEST_CASE(a_resumed_order_costs_no_token)
{
    crashing w;
    std::size_t number = 1;
    while (w.finalizes() == 0)
        w.crash_at(number++);
    config options = w.options();
    options.limits.requests = rate(1, hours(1000));
    options.limits.new_hosts = rate(1, hours(1000));
    server_process next(w, options);
    next.await(next.manager->async_use_store(w.s));
    BOOST_TEST(next.get("a.example.com"));
    BOOST_TEST(next.get("b.example.com"));
    BOOST_TEST((w.clock->elapsed() < hours(1)));
}

struct interrupted : world
{
    // A first attempt whose download is lost, so that its order stays behind.
    interrupted()
    {
        bool reached = false;
        network->decide = [&](std::size_t, const https_request& r) {
            reached = reached || r.url.find("/cert/") != std::string::npos;
            return reached ? scripted_transport::fate::lose_request : scripted_transport::fate::deliver;
        };
        const auto e = refusal("a.example.com");
        BOOST_TEST((e.code() == boost::asio::error::connection_reset));
        network->decide = {};
        BOOST_TEST(orders() == 1U);
    }

    void wait_out_the_pause() { pass(hours(25)); }
};

BOOST_FIXTURE_TEST_CASE(the_next_attempt_takes_the_order_up, interrupted)
{
    wait_out_the_pause();
    BOOST_TEST(get("a.example.com"));
    BOOST_TEST(orders() == 1U);
    BOOST_TEST(ca.state().certificates.size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(an_order_that_the_ca_no_longer_knows_is_replaced, interrupted)
{
    ca.state().orders.clear();
    wait_out_the_pause();
    BOOST_TEST(get("a.example.com"));
    BOOST_TEST(orders() == 2U);
}

BOOST_FIXTURE_TEST_CASE(an_order_that_became_invalid_is_replaced, interrupted)
{
    ca.state().orders.begin()->second.status = "invalid";
    wait_out_the_pause();
    BOOST_TEST(get("a.example.com"));
    BOOST_TEST(orders() == 2U);
}

BOOST_FIXTURE_TEST_CASE(an_order_of_a_lost_account_is_replaced, interrupted)
{
    ca.state().accounts.clear();
    wait_out_the_pause();
    BOOST_TEST(get("a.example.com"));
    BOOST_TEST(orders() == 2U);
    BOOST_TEST(registrations() == 2U);
}

BOOST_FIXTURE_TEST_CASE(an_order_that_leads_nowhere_is_given_up_at_last, interrupted)
{
    auto& order = ca.state().orders.begin()->second;
    order.status = "processing";
    order.certificate.clear();
    order.polls_left = 1'000'000;
    unsigned attempts = 0;
    for (; attempts < 10 && orders() == 1; ++attempts) {
        wait_out_the_pause();
        const auto o = ask("a.example.com");
        run_until([&] { return o->done; });
        BOOST_TEST((!o->failure || o->code() == errc::timed_out));
    }
    BOOST_TEST(attempts == 4U);
    BOOST_TEST(manager->credentials()->find("a.example.com"));
}

BOOST_FIXTURE_TEST_CASE(its_count_of_attempts_survives_restarts, interrupted)
{
    auto& order = ca.state().orders.begin()->second;
    order.status = "processing";
    order.certificate.clear();
    order.polls_left = 1'000'000;
    auto state = manager->marshal();
    server_process restarted(around);
    restarted.manager->unmarshal(state);
    BOOST_TEST((restarted.refusal("a.example.com").code() == errc::recently_failed));
    restarted.manager.reset();
    unsigned attempts = 0;
    for (; attempts < 10 && orders() == 1; ++attempts) {
        server_process next(around);
        next.manager->unmarshal(state);
        next.pass(hours(25));
        const auto o = next.ask("a.example.com");
        const auto start = clock->elapsed();
        next.run_until([&] { return o->done || orders() > 1 || clock->elapsed() > start + seconds(1); });
        state = next.manager->marshal();
    }
    BOOST_TEST(attempts <= 4U);
}

BOOST_FIXTURE_TEST_CASE(asking_again_and_again_for_the_hosts_does_not_hurry_what_failed, interrupted)
{
    const auto asked = network->requests.size();
    network->decide = [](std::size_t, const https_request&) { return scripted_transport::fate::lose_request; };
    for (int n = 0; n < 20; ++n) {
        manager->set_hosts({"a.example.com", host_number(n)});
        settle();
    }
    BOOST_TEST(network->requests.size() == asked);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
