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

    bool has_it(std::chrono::milliseconds limit) { return lock_.wait_for(limit) == std::future_status::ready; }
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

// How many keys stand for a lock.
std::size_t keys_of(const etcd_options& options)
{
    const auto below = options.prefix + "/locks";
    const std::string begin = "\"" + base64_encode(below + "/") + "\"";
    const std::string end = "\"" + base64_encode(below + "0") + "\"";
    const std::string answer =
        shared_etcd().call("/v3/kv/range", "{\"key\":" + begin + ",\"range_end\":" + end + ",\"keys_only\":true}");
    std::size_t count = 0;
    for (auto at = answer.find("\"key\""); at != answer.npos; at = answer.find("\"key\"", at + 1))
        ++count;
    return count;
}

void remove_keys(const etcd_options& options)
{
    const auto below = options.prefix + "/locks";
    shared_etcd().call("/v3/kv/deleterange",
        "{\"key\":\"" + base64_encode(below + "/") + "\",\"range_end\":\"" + base64_encode(below + "0") + "\"}");
}

template <class Condition>
bool soon(Condition condition, std::chrono::milliseconds limit = 5s)
{
    const auto end = steady_clock::now() + limit;
    while (!condition() && steady_clock::now() < end)
        std::this_thread::sleep_for(5ms);
    return condition();
}

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
        options.lease_duration = 3s;
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
    BOOST_TEST(soon([&] { return keys_of(options) == 2; }));
    waiting_for third(c, "host");
    BOOST_TEST(soon([&] { return keys_of(options) == 3; }));
    waiting_for again(a, "host");
    BOOST_TEST(run(b->async_lock("host/other")) != nullptr);
    BOOST_TEST(!second.has_it(100ms));

    held.reset();
    BOOST_TEST_REQUIRE(second.has_it(1s));
    BOOST_TEST(!third.has_it(100ms));
    second.get().reset();
    BOOST_TEST_REQUIRE(third.has_it(1s));
    third.get().reset();
    BOOST_TEST_REQUIRE(again.has_it(1s));
    again.get().reset();
    BOOST_TEST(soon([&] { return keys_of(options) == 0; }));
}

BOOST_AUTO_TEST_CASE(who_gives_up_waiting_leaves_the_line)
{
    const auto options = options_for(shared_etcd());
    const etcd_node a(options);
    const etcd_node b(options);
    const etcd_node c(options);
    auto held = run(a->async_lock("host"));
    waiting_for second(b, "host");
    BOOST_TEST(soon([&] { return keys_of(options) == 2; }));
    waiting_for third(c, "host");
    BOOST_TEST(soon([&] { return keys_of(options) == 3; }));
    second.cancel();
    BOOST_CHECK_THROW(second.get(), error);
    BOOST_TEST(soon([&] { return keys_of(options) == 2; }));
    held.reset();
    BOOST_TEST_REQUIRE(third.has_it(1s));
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
        BOOST_TEST_REQUIRE(next.has_it(1s), name);
        next.get().reset();
    }
    BOOST_TEST(cancelled > 0U);
    BOOST_TEST(soon([&] { return keys_of(options) == 1; }));
}

BOOST_AUTO_TEST_CASE(a_lock_is_held_for_as_long_as_it_is_wanted)
{
    const auto options = options_for(shared_etcd());
    const etcd_node a(options);
    const etcd_node b(options);
    const auto held = run(a->async_lock("host"));
    waiting_for other(b, "host");
    BOOST_TEST(!other.has_it(options.lease_duration * 5 / 2));
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
    BOOST_TEST(!successor.has_it(options.lease_duration + 1s));
    holder.kill();
    // etcd looks for ended leases every half second.
    BOOST_TEST_REQUIRE(successor.has_it(options.lease_duration + 1500ms));
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
    const etcd_node cut_off(behind);
    const etcd_node other(options);
    const auto lost = run(cut_off->async_lock("host"));
    run(cut_off->async_guarded_save("a", "first", *lost));
    waiting_for successor(other, "host");

    network.cut();
    BOOST_TEST_REQUIRE(successor.has_it(options.lease_duration + 1500ms));
    BOOST_TEST(!lost->held());
    const auto lock = successor.get();
    run(other->async_guarded_save("a", "second", *lock));
    network.mend();
    const auto refused = failure_of([&] { run(cut_off->async_guarded_save("a", "third", *lost)); });
    BOOST_TEST((refused && refused->code() == errc::lock_lost));
    BOOST_TEST((failure_of([&] { run(cut_off->async_guarded_erase("a", *lost)); })->code() == errc::lock_lost));
    BOOST_TEST((run(cut_off->async_load("a")) == "second"));

    // And comes back by itself.
    waiting_for next(cut_off, "host");
    BOOST_TEST(!next.has_it(100ms));
    BOOST_TEST(lock->held());
}

BOOST_AUTO_TEST_CASE(what_was_delayed_until_somebody_else_held_the_lock_is_not_written)
{
    relay network(shared_etcd().address(0));
    const auto options = options_for(shared_etcd());
    auto behind = options;
    behind.endpoints = {"http://" + network.address()};
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
    const auto options = options_for(shared_etcd());
    etcd_node node(options);
    run(node->async_save("a", "1"));
    run(node->async_lock("host")).reset();
    const auto all = node->watch("");
    run(all->async_receive());
    const auto begin = steady_clock::now();
    node.stop();
    BOOST_TEST((steady_clock::now() - begin < 1s));
    BOOST_TEST(keys_of(options) == 0);
}

BOOST_AUTO_TEST_CASE(an_executor_may_end_with_everything_under_way)
{
    const auto options = options_for(shared_etcd());
    {
        asio::io_context io;
        const auto s = make_etcd_store(io.get_executor(), options);
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
        while (!locked || keys_of(options) < 3)
            io.run_for(50ms);
    }
    // What was not released ends with its lease.
    const etcd_node next(options);
    waiting_for successor(next, "host");
    BOOST_TEST(successor.has_it(options.lease_duration + 1500ms));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
