#include "crypto/base64.hpp"
#include "kit/relay.hpp"
#include "store/etcd.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <future>
#include <iostream>
#include <thread>

namespace acme::test {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

using lock_ptr = std::unique_ptr<store::lock>;

// Waits for a lock on a thread of its own.
class waiting_for
{
public:
    waiting_for(const etcd_node& node, const std::string& name)
        : lock_(asio::co_spawn(
              pool_, node->async_lock(name), asio::bind_cancellation_slot(cancel_.slot(), asio::use_future)))
    {}
    ~waiting_for()
    {
        cancel();
        pool_.join();
    }

    bool has_it(std::chrono::milliseconds limit = patience)
    {
        return lock_.wait_for(limit) == std::future_status::ready;
    }
    lock_ptr get() { return lock_.get(); }
    void cancel()
    {
        asio::post(pool_, [this] { cancel_.emit(asio::cancellation_type::terminal); });
    }

private:
    asio::thread_pool pool_{1};
    asio::cancellation_signal cancel_;
    std::future<lock_ptr> lock_;
};

void remove_keys(const etcd_options& options)
{
    const auto below = options.prefix + "/locks";
    shared_etcd().call("/v3/kv/deleterange",
        "{\"key\":\"" + base64_encode(below + "/") + "\",\"range_end\":\"" + base64_encode(below + "0") + "\"}");
}

// Of those whose end is waited for.
constexpr auto short_lease = 6s;

// Until etcd itself has ended a short lease, which is nothing that a store could do.
constexpr auto until_it_ends = 60s;

// What another process does that was started with this in its environment.
constexpr const char* holder_endpoint = "ACME_TEST_ETCD_ENDPOINT";
constexpr const char* holder_prefix = "ACME_TEST_ETCD_PREFIX";

struct lock_holder
{
    lock_holder()
    {
        if (!std::getenv(holder_endpoint))
            return;
        etcd_options options;
        options.endpoints.emplace_back(std::getenv(holder_endpoint));
        options.prefix = std::getenv(holder_prefix);
        options.lease_duration = short_lease;
        etcd_node node(options);
        const auto lock = run(node->async_lock("host"));
        run(node->async_guarded_save("a", "its own", *lock));
        std::cout << "it holds the lock" << std::endl;
        for (;;)
            std::this_thread::sleep_for(1h);
    }
};

} // namespace

BOOST_TEST_GLOBAL_CONFIGURATION(lock_holder);

BOOST_AUTO_TEST_SUITE(etcd_locks_, *needs_etcd())

BOOST_AUTO_TEST_CASE(nodes_take_a_lock_in_turn)
{
    const auto options = options_for(shared_etcd());
    const etcd_node a(options);
    const etcd_node b(options);
    const etcd_node c(options);
    auto held = run(a->async_lock("host"));
    waiting_for second(b, "host");
    BOOST_TEST(soon([&] { return lock_keys(options) == 2; }));
    waiting_for third(c, "host");
    BOOST_TEST(soon([&] { return lock_keys(options) == 3; }));
    waiting_for again(a, "host");
    BOOST_TEST(run(b->async_lock("host/other")) != nullptr);
    BOOST_TEST(!second.has_it(100ms));

    held.reset();
    BOOST_TEST_REQUIRE(second.has_it());
    BOOST_TEST(!third.has_it(100ms));
    second.get().reset();
    BOOST_TEST_REQUIRE(third.has_it());
    third.get().reset();
    BOOST_TEST_REQUIRE(again.has_it());
    again.get().reset();
    BOOST_TEST(soon([&] { return lock_keys(options) == 0; }));
}

BOOST_AUTO_TEST_CASE(who_gives_up_waiting_leaves_the_line)
{
    const auto options = options_for(shared_etcd());
    const etcd_node a(options);
    const etcd_node b(options);
    const etcd_node c(options);
    auto held = run(a->async_lock("host"));
    waiting_for second(b, "host");
    BOOST_TEST(soon([&] { return lock_keys(options) == 2; }));
    waiting_for third(c, "host");
    BOOST_TEST(soon([&] { return lock_keys(options) == 3; }));
    second.cancel();
    BOOST_CHECK_THROW(second.get(), error);
    BOOST_TEST(soon([&] { return lock_keys(options) == 2; }));
    held.reset();
    BOOST_TEST_REQUIRE(third.has_it());
}

// At whatever moment of a claim it comes.
BOOST_AUTO_TEST_CASE(a_claim_that_is_cancelled_leaves_nothing_in_the_way)
{
    const auto options = options_for(shared_etcd());
    const etcd_node node(options);
    const auto keeps_the_lease = run(node->async_lock("other"));
    std::size_t cancelled = 0;
    for (int n = 0; n != 300; ++n) {
        const std::string name = "host/" + std::to_string(n);
        waiting_for claim(node, name);
        const auto end = steady_clock::now() + 50us * (n % 30);
        while (steady_clock::now() < end)
            ;
        claim.cancel();
        cancelled += failure_of([&] { claim.get().reset(); }).has_value();
        waiting_for next(node, name);
        BOOST_TEST_REQUIRE(next.has_it(), name);
        next.get().reset();
    }
    BOOST_TEST(cancelled > 0U);
    BOOST_TEST(soon([&] { return lock_keys(options) == 1; }));
}

BOOST_AUTO_TEST_CASE(a_lock_is_held_for_as_long_as_it_is_wanted)
{
    const relay network(shared_etcd().address(0));
    const auto options = options_for(shared_etcd());
    auto brief = options;
    brief.endpoints = {"http://" + network.address()};
    brief.lease_duration = short_lease;
    const etcd_node a(brief);
    const etcd_node b(options);
    const auto held = run(a->async_lock("host"));
    waiting_for other(b, "host");
    // With the fourth, the time is over for which it was granted.
    BOOST_TEST(soon([&] { return network.requests()["/v3/lease/keepalive"] >= 4; }, until_it_ends));
    BOOST_TEST(!other.has_it(100ms));
    BOOST_TEST(held->held());
    run(a->async_guarded_save("a", "1", *held));
    run(a->async_guarded_erase("a", *held));
    other.cancel();
}

BOOST_AUTO_TEST_CASE(the_lock_of_a_killed_process_is_taken_over_within_its_lease)
{
    const auto options = options_for(shared_etcd());
    process_options environment;
    environment.environment = {holder_endpoint + ("=" + options.endpoints[0]), holder_prefix + ("=" + options.prefix)};
    process holder({"/proc/self/exe"}, environment);
    BOOST_TEST_REQUIRE(holder.wait_for_text("it holds the lock"));
    const etcd_node node(options);
    waiting_for successor(node, "host");
    BOOST_TEST(soon([&] { return lock_keys(options) == 2; }));
    BOOST_TEST(!successor.has_it(100ms));
    holder.kill();
    BOOST_TEST(soon([&] { return lock_keys(options) == 1; }, until_it_ends));
    BOOST_TEST_REQUIRE(successor.has_it());
    const auto lock = successor.get();
    run(node->async_guarded_save("a", "the successor's", *lock));
    BOOST_TEST((run(node->async_load("a")) == "the successor's"));
}

BOOST_AUTO_TEST_CASE(who_is_cut_off_knows_it_and_writes_nothing_any_more)
{
    relay network(shared_etcd().address(0));
    const auto options = options_for(shared_etcd());
    auto behind = options;
    behind.endpoints = {"http://" + network.address()};
    behind.lease_duration = short_lease;
    const etcd_node cut_off(behind);
    const etcd_node other(options);
    auto lost = run(cut_off->async_lock("host"));
    run(cut_off->async_guarded_save("a", "first", *lost));
    waiting_for successor(other, "host");
    BOOST_TEST(soon([&] { return lock_keys(options) == 2; }));

    network.cut();
    BOOST_TEST(soon([&] { return lock_keys(options) == 1; }, until_it_ends));
    BOOST_TEST(!lost->held());
    BOOST_TEST_REQUIRE(successor.has_it());
    auto lock = successor.get();
    run(other->async_guarded_save("a", "second", *lock));
    network.mend();
    const auto refused = failure_of([&] { run(cut_off->async_guarded_save("a", "third", *lost)); });
    BOOST_TEST((refused && refused->code() == errc::lock_lost));
    BOOST_TEST((failure_of([&] { run(cut_off->async_guarded_erase("a", *lost)); })->code() == errc::lock_lost));
    BOOST_TEST((run(cut_off->async_load("a")) == "second"));

    // And comes back by itself.
    lost.reset();
    waiting_for next(cut_off, "host");
    BOOST_TEST(soon([&] { return lock_keys(options) == 2; }));
    BOOST_TEST(lock->held());
    lock.reset();
    BOOST_TEST(next.has_it());
}

BOOST_AUTO_TEST_CASE(what_was_delayed_until_somebody_else_held_the_lock_is_not_written)
{
    relay network(shared_etcd().address(0));
    const auto options = options_for(shared_etcd());
    auto behind = options;
    behind.endpoints = {"http://" + network.address()};
    behind.lease_duration = short_lease;
    const etcd_node slow(behind);
    const etcd_node other(options);
    const auto lost = run(slow->async_lock("host"));
    run(slow->async_guarded_save("a", "first", *lost));
    network.stall();
    asio::thread_pool pool(1);
    auto delayed = asio::co_spawn(pool, slow->async_guarded_save("a", "delayed", *lost), asio::use_future);
    const auto lock = run(other->async_lock("host"));
    run(other->async_guarded_save("a", "second", *lock));
    network.mend();
    BOOST_CHECK_THROW(delayed.get(), error);
    // Long enough for what was on its way.
    run(slow->async_load("a"));
    std::this_thread::sleep_for(300ms);
    BOOST_TEST((run(other->async_load("a")) == "second"));
}

BOOST_AUTO_TEST_CASE(a_transaction_guards_what_the_holder_does_not_know)
{
    const auto options = options_for(shared_etcd());
    const etcd_node node(options);
    const auto lock = run(node->async_lock("host"));
    run(node->async_guarded_save("a", "first", *lock));
    remove_keys(options);
    BOOST_TEST(lock->held());
    const auto refused = failure_of([&] { run(node->async_guarded_save("a", "second", *lock)); });
    BOOST_TEST((refused && refused->code() == errc::lock_lost));
    BOOST_TEST(!lock->held());
    BOOST_TEST((run(node->async_load("a")) == "first"));
}

BOOST_AUTO_TEST_CASE(a_lease_that_etcd_has_forgotten_is_replaced)
{
    const auto options = options_for(shared_etcd());
    const etcd_node node(options);
    const auto lock = run(node->async_lock("one"));
    const std::string leases = shared_etcd().call("/v3/lease/leases", "{}");
    for (auto at = leases.find("\"ID\":\""); at != leases.npos; at = leases.find("\"ID\":\"", at + 1)) {
        const auto from = at + 6;
        shared_etcd().call(
            "/v3/lease/revoke", "{\"ID\":\"" + leases.substr(from, leases.find('"', from) - from) + "\"}");
    }
    BOOST_TEST(run(node->async_lock("two"))->held());
    const auto refused = failure_of([&] { run(node->async_guarded_save("a", "1", *lock)); });
    BOOST_TEST((refused && refused->code() == errc::lock_lost));
}

BOOST_AUTO_TEST_CASE(another_stores_lock_guards_nothing_here)
{
    const etcd_node node(options_for(shared_etcd()));
    const auto lock = run(make_memory_store()->async_lock("host"));
    const auto refused = failure_of([&] { run(node->async_guarded_save("a", "1", *lock)); });
    BOOST_TEST((refused && refused->code() == boost::system::errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(an_idle_store_keeps_no_thread_busy)
{
    auto options = options_for(shared_etcd());
    // A third of it is longer than the patience, as all other times are.
    options.lease_duration = 90s;
    options.request_timeout = options.operation_timeout = 60s;
    etcd_node node(options);
    run(node->async_save("a", "1"));
    run(node->async_lock("host")).reset();
    const auto all = node->watch("");
    run(all->async_receive());
    const auto begin = steady_clock::now();
    node.stop();
    BOOST_TEST((steady_clock::now() - begin < patience));
    BOOST_TEST(lock_keys(options) == 0);
}

BOOST_AUTO_TEST_CASE(an_executor_may_end_with_everything_under_way)
{
    const auto options = options_for(shared_etcd());
    {
        asio::io_context io;
        auto brief = options;
        brief.lease_duration = short_lease;
        const auto s = make_etcd_store(io.get_executor(), brief);
        bool locked = false;
        const auto hold = [&]() -> asio::awaitable<void> {
            const auto held = co_await s->async_lock("host");
            locked = true;
            const auto second = co_await s->async_lock("host");
        };
        const auto watch = [&]() -> asio::awaitable<void> {
            const auto all = s->watch("");
            for (;;)
                co_await all->async_receive();
        };
        const etcd_node other(options);
        const auto taken = run(other->async_lock("taken"));
        asio::co_spawn(io, hold(), asio::detached);
        asio::co_spawn(io, watch(), asio::detached);
        asio::co_spawn(io, s->async_lock("taken"), [](std::exception_ptr, lock_ptr) {});
        while (!locked || lock_keys(options) < 3)
            io.run_for(50ms);
    }
    // What was not released ends with its lease.
    const etcd_node next(options);
    waiting_for successor(next, "host");
    BOOST_TEST(soon([&] { return lock_keys(options) == 1; }, until_it_ends));
    BOOST_TEST(successor.has_it());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
