#include "manager/task_group.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <optional>
#include <stdexcept>

namespace acme::test {
namespace {

std::atomic<int> alive = 0;

struct counted
{
    counted() { ++alive; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { --alive; }
};

asio::awaitable<void> wait_for_ever()
{
    counted here;
    asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    co_await never.async_wait(asio::use_awaitable);
}

asio::awaitable<void> fail()
{
    throw std::runtime_error("on purpose");
    co_return;
}

asio::awaitable<void> hop(int times)
{
    counted here;
    for (int n = 0; n < times; ++n)
        co_await asio::post(asio::use_awaitable);
}

asio::awaitable<int> answer()
{
    co_await asio::post(asio::use_awaitable);
    co_return 42;
}

struct group_fixture
{
    ~group_fixture() { BOOST_TEST(alive == 0); }

    void turn()
    {
        io.restart();
        io.poll();
    }

    // Starts a coroutine on the strand; what it ended with is kept.
    template <class T>
    void start(asio::awaitable<T> operation)
    {
        ended.reset();
        auto keep = [this](std::exception_ptr e, auto...) { ended = e; };
        asio::co_spawn(on, std::move(operation), keep);
        turn();
    }

    std::optional<boost::system::error_code> failure() const
    {
        if (!ended || !*ended)
            return std::nullopt;
        try {
            std::rethrow_exception(*ended);
        } catch (const boost::system::system_error& e) {
            return e.code();
        }
    }

    asio::io_context io;
    strand on{asio::make_strand(asio::any_io_executor(io.get_executor()))};
    task_group group{on};
    std::optional<std::exception_ptr> ended;
};

BOOST_FIXTURE_TEST_SUITE(group_of_tasks, group_fixture)

BOOST_AUTO_TEST_CASE(an_empty_group_is_not_waited_for)
{
    start(group.async_wait_empty());
    BOOST_TEST(ended.has_value());
}

BOOST_AUTO_TEST_CASE(waiting_lasts_until_the_last_task_ended)
{
    group.spawn(wait_for_ever());
    group.spawn(hop(3));
    group.spawn(fail());
    start(group.async_wait_empty());
    BOOST_TEST(!ended);
    group.close();
    turn();
    BOOST_TEST(ended.has_value());
    BOOST_TEST(!failure());
}

BOOST_AUTO_TEST_CASE(several_wait_for_the_end)
{
    group.spawn(wait_for_ever());
    int finished = 0;
    for (int n = 0; n < 3; ++n)
        asio::co_spawn(on, group.async_wait_empty(), [&](std::exception_ptr) { ++finished; });
    turn();
    BOOST_TEST(finished == 0);
    group.close();
    turn();
    BOOST_TEST(finished == 3);
}

BOOST_AUTO_TEST_CASE(nothing_starts_after_the_close)
{
    group.close();
    bool began = false;
    auto task = [](bool& flag) -> asio::awaitable<void> {
        flag = true;
        co_return;
    };
    group.spawn(task(began));
    turn();
    BOOST_TEST(!began);
    start(group.async_join(task(began)));
    BOOST_TEST(!began);
    BOOST_TEST((failure() == make_error_code(errc::shut_down)));
}

BOOST_AUTO_TEST_CASE(a_task_may_close_its_own_group)
{
    auto task = [](task_group& g) -> asio::awaitable<void> {
        counted here;
        co_await asio::post(asio::use_awaitable);
        g.close();
        co_await wait_for_ever();
    };
    group.spawn(task(group));
    start(group.async_wait_empty());
    BOOST_TEST(ended.has_value());
}

BOOST_AUTO_TEST_CASE(a_task_may_close_its_own_group_before_it_suspends)
{
    auto task = [](task_group& g) -> asio::awaitable<void> {
        counted here;
        g.close();
        co_return;
    };
    group.spawn(task(group));
    group.spawn(wait_for_ever());
    start(group.async_wait_empty());
    BOOST_TEST(ended.has_value());
    BOOST_TEST(!failure());
}

BOOST_AUTO_TEST_CASE(a_task_never_runs_within_what_starts_it)
{
    bool began = false;
    auto task = [](bool& flag) -> asio::awaitable<void> {
        flag = true;
        co_return;
    };
    asio::post(on, [&] {
        group.spawn(task(began));
        BOOST_TEST(!began);
    });
    turn();
    BOOST_TEST(began);
}

BOOST_AUTO_TEST_CASE(a_joined_operation_gives_its_value_or_its_error)
{
    int value = 0;
    auto call = [](task_group& g, int& v) -> asio::awaitable<void> { v = co_await g.async_join(answer()); };
    start(call(group, value));
    BOOST_TEST(value == 42);
    BOOST_TEST(!failure());
    start(group.async_join(fail()));
    BOOST_REQUIRE(ended);
    BOOST_CHECK_THROW(std::rethrow_exception(*ended), std::runtime_error);
    start(group.async_wait_empty());
    BOOST_TEST(ended.has_value());
}

BOOST_AUTO_TEST_CASE(a_joined_operation_ends_with_the_group)
{
    start(group.async_join(wait_for_ever()));
    BOOST_TEST(!ended);
    asio::co_spawn(on, group.async_wait_empty(), asio::detached);
    group.close();
    turn();
    BOOST_TEST((failure() == make_error_code(errc::shut_down)));
}

BOOST_AUTO_TEST_CASE(a_joined_operation_ends_with_its_caller)
{
    asio::cancellation_signal cancel;
    std::exception_ptr failed;
    auto keep = [&](std::exception_ptr e) { failed = e; };
    asio::co_spawn(on, group.async_join(wait_for_ever()), asio::bind_cancellation_slot(cancel.slot(), std::move(keep)));
    turn();
    cancel.emit(asio::cancellation_type::terminal);
    turn();
    BOOST_REQUIRE(failed);
    BOOST_CHECK_EXCEPTION(std::rethrow_exception(failed), boost::system::system_error,
        [](const auto& e) { return e.code() == asio::error::operation_aborted; });
    start(group.async_wait_empty());
    BOOST_TEST(ended.has_value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(a_group_whose_context_ends_leaves_nothing_behind)
{
    for (int n = 0; n < 100; ++n) {
        asio::io_context io;
        const auto on = asio::make_strand(asio::any_io_executor(io.get_executor()));
        task_group group(on);
        asio::post(on, [&] {
            group.spawn(wait_for_ever());
            group.spawn(hop(20));
        });
        asio::co_spawn(on, group.async_join(wait_for_ever()), asio::detached);
        asio::co_spawn(on, group.async_wait_empty(), asio::detached);
        for (int turns = 0; turns < n % 20; ++turns)
            io.poll_one();
    }
    BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(groups_are_closed_at_any_moment_under_several_threads)
{
    asio::thread_pool pool(3);
    for (int n = 0; n < 1'000; ++n) {
        const auto on = asio::make_strand(asio::any_io_executor(pool.get_executor()));
        auto group = std::make_shared<task_group>(on);
        std::promise<void> empty;
        asio::post(on, [=] {
            for (int task = 0; task < 5; ++task)
                group->spawn(task % 2 == 0 ? wait_for_ever() : hop(task));
        });
        for (int spin = 0; spin < n % 300; ++spin)
            std::atomic_signal_fence(std::memory_order_seq_cst);
        asio::post(on, [=] { group->close(); });
        asio::co_spawn(on, group->async_wait_empty(), [&empty, group](std::exception_ptr) { empty.set_value(); });
        empty.get_future().wait();
    }
    pool.join();
    BOOST_TEST(alive == 0);
}

} // namespace
} // namespace acme::test
