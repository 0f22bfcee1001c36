#include "store/key_lock.hpp"

#include "store/scratch.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <map>
#include <thread>

namespace acme::test {

namespace {

using lock_ptr = std::unique_ptr<store::lock>;

/// Coroutines that want one lock, on an io_context that is turned by hand.
struct queue_at_lock
{
    std::shared_ptr<key_lock_table> table = std::make_shared<key_lock_table>();
    std::map<int, lock_ptr> held;
    std::map<int, boost::system::error_code> failed;
    std::vector<int> order;
    asio::io_context io;

    asio::awaitable<void> take(int who, std::string name)
    {
        lock_ptr taken;
        try {
            taken = co_await table->async_lock(std::move(name));
        } catch (const error& e) {
            failed[who] = e.code();
            co_return;
        }
        order.push_back(who);
        held[who] = std::move(taken);
    }

    void spawn(int who, const std::string& name = "k") { asio::co_spawn(io, take(who, name), asio::detached); }

    void spawn(int who, asio::cancellation_signal& signal)
    {
        asio::co_spawn(io, take(who, "k"), asio::bind_cancellation_slot(signal.slot(), asio::detached));
    }

    void turn()
    {
        io.restart();
        io.poll();
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(key_lock)

BOOST_AUTO_TEST_CASE(one_holds_it_and_the_others_follow_in_the_order_they_came)
{
    queue_at_lock q;
    for (int who = 0; who < 20; ++who)
        q.spawn(who);
    for (int who = 0; who < 20; ++who) {
        q.turn();
        BOOST_TEST_REQUIRE(q.held.size() == 1U);
        BOOST_TEST(q.held.begin()->first == who);
        q.held.clear();
    }
    q.turn();
    BOOST_TEST(q.order.size() == 20U);
}

BOOST_AUTO_TEST_CASE(a_newcomer_does_not_overtake_a_waiter_that_was_not_yet_resumed)
{
    queue_at_lock q;
    q.spawn(0);
    q.spawn(1);
    q.turn();
    q.held.clear();
    q.spawn(2);
    q.turn();
    BOOST_TEST(q.held.contains(1));
    BOOST_TEST(!q.held.contains(2));
    q.held.clear();
    q.turn();
    BOOST_TEST(q.held.contains(2));
}

BOOST_AUTO_TEST_CASE(names_have_nothing_to_do_with_each_other)
{
    queue_at_lock q;
    q.spawn(0, "a");
    q.spawn(1, "b");
    q.spawn(2, "a/b");
    q.turn();
    BOOST_TEST(q.held.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_cancelled_waiter_leaves_the_queue)
{
    queue_at_lock q;
    asio::cancellation_signal second;
    q.spawn(0);
    q.spawn(1, second);
    q.spawn(2);
    q.turn();
    second.emit(asio::cancellation_type::terminal);
    q.turn();
    BOOST_TEST((q.failed[1] == asio::error::operation_aborted));
    q.held.clear();
    q.turn();
    BOOST_TEST(q.held.contains(2));
}

BOOST_AUTO_TEST_CASE(cancellation_just_after_the_turn_came_loses_no_lock)
{
    queue_at_lock q;
    asio::cancellation_signal second;
    q.spawn(0);
    q.spawn(1, second);
    q.spawn(2);
    q.turn();
    q.held.clear();
    second.emit(asio::cancellation_type::terminal);
    q.turn();
    q.held.clear();
    q.turn();
    BOOST_TEST(q.held.contains(2));
}

BOOST_AUTO_TEST_CASE(a_wrong_name_is_refused)
{
    queue_at_lock q;
    q.spawn(0, "No Name");
    q.turn();
    BOOST_TEST((q.failed[0] == boost::system::errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(a_waiter_resumes_on_its_own_executor_when_another_thread_releases)
{
    const auto table = std::make_shared<key_lock_table>();
    auto held = run(table->async_lock("k"));
    asio::io_context io;
    std::thread::id resumed;
    const auto wait = [&]() -> asio::awaitable<void> {
        const auto taken = co_await table->async_lock("k");
        resumed = std::this_thread::get_id();
    };
    asio::co_spawn(io, wait(), asio::detached);
    io.poll();
    std::thread([&] { held.reset(); }).join();
    BOOST_TEST((resumed == std::thread::id()));
    io.restart();
    io.run_for(std::chrono::seconds(10));
    BOOST_TEST((resumed == std::this_thread::get_id()));
}

BOOST_AUTO_TEST_CASE(waiters_whose_context_is_destroyed_are_out_of_the_way)
{
    const auto table = std::make_shared<key_lock_table>();
    lock_ptr held = run(table->async_lock("k"));
    {
        queue_at_lock gone;
        gone.table = table;
        gone.spawn(0);
        gone.spawn(1);
        gone.turn();
    }
    queue_at_lock q;
    q.table = table;
    q.spawn(2);
    q.turn();
    BOOST_TEST(q.held.empty());
    held.reset();
    q.turn();
    BOOST_TEST(q.held.contains(2));
}

BOOST_AUTO_TEST_CASE(a_turn_that_came_to_a_destroyed_context_goes_to_the_next)
{
    const auto table = std::make_shared<key_lock_table>();
    lock_ptr held = run(table->async_lock("k"));
    queue_at_lock q;
    {
        queue_at_lock gone;
        gone.table = table;
        gone.spawn(0);
        gone.turn();
        q.table = table;
        q.spawn(1);
        q.turn();
        held.reset();
    }
    q.turn();
    BOOST_TEST(q.held.contains(1));
}

BOOST_AUTO_TEST_CASE(a_context_may_be_destroyed_while_another_thread_releases)
{
    for (int i = 0; i < 300; ++i) {
        const auto table = std::make_shared<key_lock_table>();
        lock_ptr held = run(table->async_lock("k"));
        auto gone = std::make_unique<queue_at_lock>();
        gone->table = table;
        gone->spawn(0);
        gone->turn();
        std::promise<void> go;
        std::thread releaser([&, ready = go.get_future()]() mutable {
            ready.wait();
            held.reset();
        });
        go.set_value();
        gone.reset();
        releaser.join();
        BOOST_TEST(run(table->async_lock("k")).get() != nullptr);
    }
}

BOOST_AUTO_TEST_CASE(a_held_lock_may_outlive_the_table_and_the_context)
{
    lock_ptr held;
    {
        queue_at_lock q;
        q.spawn(0);
        q.spawn(1);
        q.turn();
        q.held.clear();
        q.turn();
        held = std::move(q.held[1]);
    }
    BOOST_TEST(held.get() != nullptr);
    held.reset();
}

BOOST_AUTO_TEST_CASE(an_awaitable_that_starts_after_the_tables_end_is_fine)
{
    auto table = std::make_shared<key_lock_table>();
    auto later = table->async_lock("k");
    table.reset();
    BOOST_TEST(run(std::move(later)).get() != nullptr);
}

BOOST_AUTO_TEST_CASE(many_threads_exclude_each_other)
{
    constexpr int coroutines = 16;
    constexpr int rounds = 200;
    const auto table = std::make_shared<key_lock_table>();
    int inside = 0;
    int entered = 0;
    asio::thread_pool pool(4);
    const auto work = [&]() -> asio::awaitable<void> {
        for (int i = 0; i < rounds; ++i) {
            const auto taken = co_await table->async_lock("k");
            inside += 1;
            entered += inside == 1 ? 1 : 0;
            co_await asio::post(asio::use_awaitable);
            inside -= 1;
        }
    };
    for (int i = 0; i < coroutines; ++i)
        asio::co_spawn(asio::make_strand(pool), work(), asio::detached);
    pool.join();
    BOOST_TEST(entered == coroutines * rounds);
}

BOOST_AUTO_TEST_CASE(cancellation_from_all_sides_leaves_the_lock_free)
{
    const auto table = std::make_shared<key_lock_table>();
    asio::thread_pool pool(4);
    std::atomic<int> taken = 0;
    std::atomic<int> cancelled = 0;
    const auto wait = [&]() -> asio::awaitable<void> {
        const auto held = co_await table->async_lock("k");
        ++taken;
    };
    const auto count = [&](std::exception_ptr e) { cancelled += e ? 1 : 0; };
    std::vector<std::shared_ptr<asio::cancellation_signal>> signals;
    for (int i = 0; i < 2000; ++i) {
        const auto strand = asio::make_strand(pool);
        const auto signal = signals.emplace_back(std::make_shared<asio::cancellation_signal>());
        asio::co_spawn(
            strand, wait(), asio::bind_cancellation_slot(signal->slot(), asio::bind_executor(strand, count)));
        asio::post(strand, [signal] { signal->emit(asio::cancellation_type::terminal); });
    }
    pool.join();
    BOOST_TEST(taken + cancelled == 2000);
    BOOST_TEST(run(table->async_lock("k")).get() != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
