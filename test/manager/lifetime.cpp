#include "manager/spy_store.hpp"
#include "manager/world.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

namespace acme::test {
namespace {

namespace asio = boost::asio;
using std::chrono::hours;

BOOST_AUTO_TEST_SUITE(shutting_down)

BOOST_AUTO_TEST_CASE(an_unused_manager_is_shut_down_at_once)
{
    world w;
    w.await(w.manager->async_shutdown());
    BOOST_TEST((w.refusal("a.example.com").code() == errc::shut_down));
    BOOST_TEST(w.network->requests.empty());
}

BOOST_AUTO_TEST_CASE(nothing_is_left_to_run_and_certificates_at_hand_are_served)
{
    world w;
    const auto c = w.get("a.example.com");
    const auto hook = w.manager->credentials();
    w.await(w.manager->async_shutdown());
    w.io.restart();
    w.io.run();
    BOOST_TEST((hook->find("a.example.com") == c));
    BOOST_TEST((w.get("a.example.com") == c));
    BOOST_TEST(!hook->find_challenge("a.example.com"));
    BOOST_TEST((w.refusal("b.example.com").code() == errc::shut_down));
    BOOST_TEST((w.wait_refused(w.start(w.manager->async_register("x@example.com"))).code() == errc::shut_down));
    BOOST_TEST((w.wait_refused(w.start(w.manager->async_use_store(make_memory_store()))).code() == errc::shut_down));
    w.manager->set_hosts({"a.example.com"});
    w.io.restart();
    w.io.run();
    w.manager.reset();
    w.io.restart();
    w.io.run();
    BOOST_TEST((hook->find("a.example.com") == c));
}

BOOST_AUTO_TEST_CASE(it_may_be_asked_for_more_than_once)
{
    world w;
    const auto caller = w.ask("a.example.com");
    w.run_until([&] { return w.orders() == 1; });
    std::vector<outcome_ptr> all;
    for (int n = 0; n < 3; ++n)
        all.push_back(w.start(w.manager->async_shutdown()));
    for (auto& o : all)
        w.wait(o);
    w.await(w.manager->async_shutdown());
    BOOST_TEST((w.wait_refused(caller).code() == errc::shut_down));
}

BOOST_AUTO_TEST_CASE(it_may_be_asked_for_from_elsewhere)
{
    world w;
    const auto caller = w.ask("a.example.com");
    w.run_until([&] { return w.orders() == 1; });
    asio::thread_pool elsewhere(1);
    std::atomic<bool> ended = false;
    asio::co_spawn(elsewhere, w.manager->async_shutdown(), [&](std::exception_ptr e) {
        BOOST_TEST(!e);
        ended = true;
    });
    const auto work = asio::make_work_guard(w.io);
    w.patience = std::chrono::milliseconds(20);
    w.run_until([&] { return ended.load(); });
    elsewhere.join();
    BOOST_TEST((w.wait_refused(caller).code() == errc::shut_down));
}

// At each request that an issuance makes: every waiter is told, nothing is left, and the next process goes on.
BOOST_AUTO_TEST_CASE(at_any_moment_of_an_issuance_it_is_graceful)
{
    std::size_t finalized_and_stopped = 0;
    for (std::size_t number = 0; number < 14; ++number) {
        surroundings around;
        const auto s = make_memory_store();
        {
            server_process p(around);
            p.await(p.manager->async_use_store(s));
            const auto caller = p.ask("a.example.com");
            const auto hello = p.shake_hands("a.example.com");
            p.run_until([&] { return caller->done || around.network->requests.size() == number; });
            const bool was_done = caller->done;
            p.await(p.manager->async_shutdown());
            p.io.restart();
            p.io.run();
            BOOST_REQUIRE(caller->done);
            BOOST_REQUIRE(hello->done);
            if (!was_done)
                BOOST_TEST((!caller->failure || caller->code() == errc::shut_down));
            BOOST_TEST(around.network->in_flight == 0U);
            BOOST_TEST(!p.manager->credentials()->find_challenge("a.example.com"));
            BOOST_TEST(p.told<issuance_failed>().empty());
            BOOST_TEST(p.told<save_failed>().empty());
        }
        const auto orders = around.orders();
        const bool finalized = around.finalizes() > 0;
        server_process next(around);
        next.await(next.manager->async_use_store(s));
        BOOST_TEST(next.get("a.example.com"));
        if (finalized) {
            ++finalized_and_stopped;
            BOOST_TEST(around.orders() == orders);
            BOOST_TEST(around.ca.state().certificates.size() == 1U);
        }
    }
    BOOST_TEST(finalized_and_stopped > 1U);
}

BOOST_AUTO_TEST_CASE(it_ends_registrations_and_loads_that_hang)
{
    world w;
    w.network->decide = [](std::size_t, const https_request&) { return scripted_transport::fate::hang; };
    const auto plain = w.start(w.manager->async_register(""));
    const auto prompted = w.start(w.manager->async_register("", [](const std::string&) { return true; }));
    w.settle();
    BOOST_TEST(!plain->done);
    w.await(w.manager->async_shutdown());
    BOOST_TEST((w.wait_refused(plain).code() == errc::shut_down));
    BOOST_TEST((w.wait_refused(prompted).code() == errc::shut_down));
    BOOST_TEST(w.network->in_flight == 0U);
}

BOOST_AUTO_TEST_CASE(a_shutdown_that_is_cancelled_ends)
{
    world w;
    const auto caller = w.ask("a.example.com");
    w.settle();
    const auto o = w.start(w.manager->async_shutdown());
    o->cancel.emit(asio::cancellation_type::terminal);
    w.run_until([&] { return o->done; });
    w.await(w.manager->async_shutdown());
    BOOST_TEST((w.wait_refused(caller).code() == errc::shut_down));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(destruction)

BOOST_AUTO_TEST_CASE(at_any_request_it_ends_everything_and_tells_every_waiter)
{
    for (std::size_t number = 0; number < 14; ++number) {
        world w;
        const auto hook = w.manager->credentials();
        const auto caller = w.ask("a.example.com");
        const auto hello = w.shake_hands("a.example.com");
        const auto registration = w.start(w.manager->async_register("admin@example.com"));
        // In the middle of the manager's own work, on its strand.
        w.network->decide = [&](std::size_t n, const https_request&) {
            if (n == number)
                w.manager.reset();
            return scripted_transport::fate::deliver;
        };
        w.run_until([&] { return caller->done && hello->done && registration->done; });
        const auto events = w.events.size();
        if (w.manager)
            w.manager.reset();
        w.io.restart();
        w.io.run();
        BOOST_TEST(w.network->in_flight == 0U);
        BOOST_TEST(w.events.size() == events);
        for (const auto& o : {caller, hello, registration}) {
            BOOST_TEST((!o->failure || o->code() == errc::shut_down), "request " << number << ": " << o->code());
            BOOST_TEST((!o->failure || o->refused()));
        }
        BOOST_TEST((hook->find("a.example.com") != nullptr || caller->failure));
        BOOST_TEST(!hook->find_challenge("a.example.com"));
    }
}

BOOST_AUTO_TEST_CASE(between_any_two_steps_it_leaves_nothing_behind)
{
    for (int turns = 0; turns < 150; ++turns) {
        world w;
        const auto s = std::make_shared<spy_store>();
        const auto loaded = w.start(w.manager->async_use_store(s));
        const auto caller = w.ask("a.example.com");
        w.manager->set_hosts({"a.example.com"});
        for (int n = 0; n < turns; ++n) {
            w.io.restart();
            if (w.io.poll_one() == 0)
                w.clock->advance_to_next();
        }
        w.manager.reset();
        const auto events = w.events.size();
        w.io.restart();
        w.io.run();
        BOOST_TEST(caller->done);
        BOOST_TEST(loaded->done);
        BOOST_TEST((!caller->failure || caller->code() == errc::shut_down));
        BOOST_TEST((!loaded->failure || loaded->code() == errc::shut_down));
        BOOST_TEST(w.events.size() == events);
    }
}

BOOST_AUTO_TEST_CASE(inside_its_own_event_is_fine)
{
    world* all = nullptr;
    world w([&](config& c) { c.on_event = [&](const event&) { all->manager.reset(); }; });
    all = &w;
    const auto caller = w.ask("a.example.com");
    w.run_until([&] { return caller->done; });
    BOOST_TEST((caller->code() == errc::shut_down));
    w.io.restart();
    w.io.run();
}

BOOST_AUTO_TEST_CASE(an_operation_that_is_awaited_afterwards_fails)
{
    world w;
    auto certificate = w.manager->async_get_certificate("a.example.com");
    auto hello = w.manager->async_get_certificate(client_hello("a.example.com"));
    auto registration = w.manager->async_register("");
    auto prompted = w.manager->async_register("", [](const std::string&) { return true; });
    auto loading = w.manager->async_use_store(make_memory_store());
    auto shutdown = w.manager->async_shutdown();
    auto changes = w.manager->watch();
    auto change = changes.async_receive();
    w.manager.reset();
    BOOST_TEST((w.wait_refused(w.start(std::move(certificate))).code() == errc::shut_down));
    BOOST_TEST((w.wait_refused(w.start(std::move(hello))).code() == errc::shut_down));
    BOOST_TEST((w.wait_refused(w.start(std::move(registration))).code() == errc::shut_down));
    BOOST_TEST((w.wait_refused(w.start(std::move(prompted))).code() == errc::shut_down));
    BOOST_TEST((w.wait_refused(w.start(std::move(loading))).code() == errc::shut_down));
    w.await(std::move(shutdown));
    w.await(std::move(change));
    BOOST_TEST((w.wait_refused(w.start(changes.async_receive())).code() == errc::shut_down));
}

BOOST_AUTO_TEST_CASE(operations_that_are_never_awaited_do_nothing)
{
    world w;
    {
        auto certificate = w.manager->async_get_certificate("a.example.com");
        auto registration = w.manager->async_register("");
        auto shutdown = w.manager->async_shutdown();
    }
    BOOST_TEST(w.io.poll() == 0U);
    BOOST_TEST(w.network->requests.empty());
}

BOOST_AUTO_TEST_CASE(a_context_that_ends_first_takes_everything_with_it)
{
    for (int turns = 0; turns < 150; ++turns) {
        surroundings around;
        {
            server_process p(around);
            const auto s = std::make_shared<spy_store>();
            p.start(p.manager->async_use_store(s));
            p.ask("a.example.com");
            p.shake_hands("a.example.com");
            p.ask("b.example.com");
            p.start(p.manager->async_register("admin@example.com"));
            for (int n = 0; n < turns; ++n) {
                p.io.restart();
                if (p.io.poll_one() == 0)
                    around.clock->advance_to_next();
            }
            if (turns % 3 == 0)
                p.start(p.manager->async_shutdown());
        }
        BOOST_TEST(around.network->in_flight == 0U);
    }
}

BOOST_AUTO_TEST_SUITE_END()

// The same under several threads, with the system's clock.
/// A CA that any number of threads ask.
class direct_transport : public transport
{
public:
    explicit direct_transport(testing::ca& ca)
        : ca_(ca)
    {}

    std::atomic<unsigned> orders = 0;

    asio::awaitable<https_response> async_exchange(https_request request) override
    {
        orders += request.url.ends_with("/new-order") ? 1 : 0;
        co_await asio::post(asio::use_awaitable);
        co_return ca_.answer(request);
    }

private:
    testing::ca& ca_;
};

struct crowd
{
    static ca_options quick()
    {
        ca_options o;
        o.validation_polls = 0;
        o.issuance_polls = 0;
        return o;
    }

    config options()
    {
        config c;
        c.directory_url = ca.directory_url();
        c.transport = network;
        c.limits = limits::off();
        c.on_event = [this](const event&) { ++events; };
        return c;
    }

    // Its fields are touched on the manager's strand only.
    testing::ca ca{quick()};
    std::shared_ptr<scripted_transport> network = std::make_shared<scripted_transport>(peer_of(ca));
    std::atomic<unsigned> events = 0;
    asio::thread_pool pool{4};
};

BOOST_AUTO_TEST_SUITE(several_threads)

BOOST_FIXTURE_TEST_CASE(callers_on_all_threads_share_one_order_a_host, crowd)
{
    acme::manager m(pool.get_executor(), options());
    std::vector<std::future<certificate_ptr>> all;
    for (int n = 0; n < 300; ++n)
        all.push_back(asio::co_spawn(pool, m.async_get_certificate(host_number(n % 5)), asio::use_future));
    std::vector<std::thread> readers;
    std::atomic<bool> stop = false;
    for (int n = 0; n < 2; ++n)
        readers.emplace_back([&] {
            const auto hook = m.credentials();
            for (int turn = 0; !stop; ++turn) {
                (void)hook->find(host_number(turn % 5));
                (void)m.registered();
                if (turn % 100 == 0)
                    (void)m.marshal();
            }
        });
    for (auto& one : all)
        BOOST_TEST(one.get());
    stop = true;
    for (auto& t : readers)
        t.join();
    asio::co_spawn(pool, m.async_shutdown(), asio::use_future).get();
    BOOST_TEST(network->count("POST", "/new-order") == 5U);
    pool.join();
}

BOOST_FIXTURE_TEST_CASE(managers_on_one_store_share_one_order_a_host, crowd)
{
    for (int round = 0; round < 5; ++round) {
        const auto shared = make_memory_store();
        const auto direct = std::make_shared<direct_transport>(ca);
        auto c = options();
        c.transport = direct;
        acme::manager a(pool.get_executor(), c), b(pool.get_executor(), c);
        asio::co_spawn(pool, a.async_use_store(shared), asio::use_future).get();
        asio::co_spawn(pool, b.async_use_store(shared), asio::use_future).get();
        std::vector<std::future<certificate_ptr>> all;
        for (int n = 0; n < 100; ++n) {
            auto& one = n % 2 == 0 ? a : b;
            all.push_back(asio::co_spawn(pool, one.async_get_certificate(host_number(n % 7)), asio::use_future));
            if (n % 20 == 0)
                b.set_hosts({host_number(0), host_number(1), host_number(2), host_number(3), host_number(4),
                    host_number(5), host_number(6)});
        }
        for (auto& each : all)
            BOOST_TEST(each.get());
        BOOST_TEST(direct->orders == 7U);
        asio::co_spawn(pool, a.async_shutdown(), asio::use_future).get();
        asio::co_spawn(pool, b.async_shutdown(), asio::use_future).get();
    }
    pool.join();
}

BOOST_FIXTURE_TEST_CASE(cancellations_and_replaced_states_from_all_threads_do_no_harm, crowd)
{
    acme::manager m(pool.get_executor(), options());
    const auto empty = m.marshal();
    std::atomic<unsigned> ended = 0;
    constexpr unsigned calls = 400;
    std::vector<std::shared_ptr<asio::cancellation_signal>> signals;
    for (unsigned n = 0; n < calls; ++n) {
        const auto cancel = std::make_shared<asio::cancellation_signal>();
        const auto home = asio::make_strand(pool);
        auto done = [&ended, cancel](std::exception_ptr, certificate_ptr) { ++ended; };
        const auto host = host_number(static_cast<int>(n % 7));
        asio::co_spawn(home, m.async_get_certificate(host), asio::bind_cancellation_slot(cancel->slot(), done));
        if (n % 2 == 0)
            asio::post(home, [cancel] { cancel->emit(asio::cancellation_type::terminal); });
        if (n % 10 == 0)
            m.set_hosts({host, host_number(static_cast<int>(n % 5))});
        if (n % 50 == 0)
            m.unmarshal(empty);
        if (n % 20 == 0)
            m.validation_answered(host, "tls-alpn-01");
    }
    while (ended < calls)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    asio::co_spawn(pool, m.async_shutdown(), asio::use_future).get();
    pool.join();
    BOOST_TEST(ended == calls);
}

BOOST_AUTO_TEST_CASE(destruction_at_any_moment_ends_every_wait)
{
    for (int round = 0; round < 40; ++round) {
        crowd c;
        auto m = std::make_unique<acme::manager>(c.pool.get_executor(), c.options());
        std::vector<std::future<certificate_ptr>> all;
        for (int n = 0; n < 20; ++n)
            all.push_back(asio::co_spawn(c.pool, m->async_get_certificate(host_number(n % 5)), asio::use_future));
        auto watching = m->watch();
        auto registration = asio::co_spawn(c.pool, m->async_register("x@example.com"), asio::use_future);
        std::this_thread::sleep_for(std::chrono::microseconds(round * 250));
        m.reset();
        for (auto& one : all) {
            try {
                BOOST_TEST(one.get());
            } catch (const error& e) {
                BOOST_TEST((e.code() == errc::shut_down), e.what());
            }
        }
        try {
            registration.get();
        } catch (const error& e) {
            BOOST_TEST((e.code() == errc::shut_down), e.what());
        }
        c.pool.join();
    }
}

BOOST_AUTO_TEST_CASE(a_shutdown_at_any_moment_ends_every_wait)
{
    for (int round = 0; round < 40; ++round) {
        crowd c;
        acme::manager m(c.pool.get_executor(), c.options());
        std::vector<std::future<certificate_ptr>> all;
        for (int n = 0; n < 20; ++n)
            all.push_back(asio::co_spawn(c.pool, m.async_get_certificate(host_number(n % 5)), asio::use_future));
        std::this_thread::sleep_for(std::chrono::microseconds(round * 250));
        asio::co_spawn(c.pool, m.async_shutdown(), asio::use_future).get();
        const auto after = c.events.load();
        for (auto& one : all) {
            try {
                BOOST_TEST(one.get());
            } catch (const error& e) {
                BOOST_TEST((e.code() == errc::shut_down), e.what());
            }
        }
        c.pool.join();
        BOOST_TEST(c.events == after);
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
