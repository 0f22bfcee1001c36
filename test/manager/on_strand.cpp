#include "transport/on_strand.hpp"

#include <acme/error.hpp>

#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace acme::test {
namespace {

using pool_strand = asio::strand<asio::thread_pool::executor_type>;

// Counts frames that live, so that one that leaks or dies twice is seen.
std::atomic<int> alive = 0;

struct counted
{
    counted() { ++alive; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { --alive; }
};

asio::awaitable<std::string> answer_on(strand s, bool& was_there, std::string text)
{
    counted here;
    was_there = s.running_in_this_thread();
    co_await asio::post(asio::use_awaitable);
    was_there = was_there && s.running_in_this_thread();
    co_return text;
}

asio::awaitable<void> fail_on(strand)
{
    counted here;
    co_await asio::post(asio::use_awaitable);
    throw error(make_error_code(errc::dns), "test");
}

asio::awaitable<int> wait_for_ever(std::function<void()> began = {})
{
    counted here;
    asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    if (began)
        began();
    co_await never.async_wait(asio::use_awaitable);
    co_return 1;
}

asio::awaitable<std::string> return_at_once(std::string text)
{
    counted here;
    co_return text;
}

// Runs a coroutine to its end on an io_context of its own; rethrows what it throws.
template <class Start>
void run(Start start)
{
    asio::io_context io;
    std::exception_ptr failure;
    auto finished = [&](std::exception_ptr e) { failure = e; };
    asio::co_spawn(io, start, finished);
    io.run();
    if (failure)
        std::rethrow_exception(failure);
}

struct strand_fixture
{
    ~strand_fixture()
    {
        pool.join();
        BOOST_TEST(alive == 0);
    }

    asio::thread_pool pool{2};
    strand there{asio::make_strand(asio::any_io_executor(pool.get_executor()))};
};

BOOST_FIXTURE_TEST_SUITE(on_a_strand, strand_fixture)

BOOST_AUTO_TEST_CASE(an_operation_runs_on_the_strand_and_its_caller_resumes_at_home)
{
    bool was_there = false;
    bool is_home = false;
    std::string text;
    run([&]() -> asio::awaitable<void> {
        const auto home = std::this_thread::get_id();
        std::string question = "a text that is too long to be kept in place";
        text = co_await on_strand(there, answer_on(there, was_there, question));
        is_home = std::this_thread::get_id() == home;
    });
    BOOST_TEST(was_there);
    BOOST_TEST(is_home);
    BOOST_TEST(text == "a text that is too long to be kept in place");
}

BOOST_AUTO_TEST_CASE(exceptions_reach_the_caller)
{
    auto call = [&]() -> asio::awaitable<void> { co_await on_strand(there, fail_on(there)); };
    BOOST_CHECK_EXCEPTION(run(call), error, [](const error& e) { return e.code() == errc::dns; });
}

BOOST_AUTO_TEST_CASE(it_nests_on_the_same_strand)
{
    std::string text;
    run([&]() -> asio::awaitable<void> {
        auto inner = on_strand(there, return_at_once("nested"));
        text = co_await on_strand(there, std::move(inner));
    });
    BOOST_TEST(text == "nested");
}

BOOST_AUTO_TEST_CASE(an_operation_that_is_never_awaited_never_starts)
{
    bool began = false;
    {
        auto dropped = on_strand(there, wait_for_ever([&] { began = true; }));
    }
    BOOST_TEST(!began);
}

BOOST_AUTO_TEST_CASE(cancelling_the_caller_cancels_the_operation)
{
    asio::io_context io;
    asio::cancellation_signal cancel;
    std::exception_ptr failure;
    auto finished = [&](std::exception_ptr e, int) { failure = e; };
    auto began = [&] { asio::post(io, [&] { cancel.emit(asio::cancellation_type::terminal); }); };
    asio::co_spawn(
        io, on_strand(there, wait_for_ever(began)), asio::bind_cancellation_slot(cancel.slot(), std::move(finished)));
    auto work = asio::make_work_guard(io);
    while (!failure)
        io.run_one();
    BOOST_CHECK_EXCEPTION(std::rethrow_exception(failure), boost::system::system_error,
        [](const auto& e) { return e.code() == asio::error::operation_aborted; });
}

BOOST_AUTO_TEST_CASE(the_task_cancels_it_as_well)
{
    auto task = std::make_shared<strand_task>();
    auto call = [&]() -> asio::awaitable<void> {
        std::function<void()> cancel_soon = [&] { asio::post(there, [task] { task->cancel(); }); };
        co_await on_strand(there, task, wait_for_ever(cancel_soon));
    };
    BOOST_CHECK_EXCEPTION(run(call), boost::system::system_error,
        [](const auto& e) { return e.code() == asio::error::operation_aborted; });
    BOOST_TEST(task->done);
    task->cancel();
}

BOOST_AUTO_TEST_CASE(an_operation_that_is_cancelled_before_it_suspends_still_ends)
{
    for (bool throws : {false, true}) {
        auto task = std::make_shared<strand_task>();
        auto operation = [](std::shared_ptr<strand_task> own, bool fails) -> asio::awaitable<std::string> {
            own->cancel();
            if (fails)
                throw error(make_error_code(errc::dns), "test");
            co_return "done";
        };
        std::string text;
        boost::system::error_code code;
        run([&]() -> asio::awaitable<void> {
            try {
                text = co_await on_strand(there, task, operation(task, throws));
            } catch (const error& e) {
                code = e.code();
            }
        });
        BOOST_TEST((throws ? code == errc::dns : text == "done"));
    }
}

// One round: an operation which lasts for some posts, and a cancellation which lands anywhere in or around it.
struct round_of_cancellation
{
    round_of_cancellation(asio::thread_pool& pool, strand there)
        : home(asio::make_strand(pool.get_executor()))
    {
        auto done = [this](std::exception_ptr e, std::string text) {
            aborted = e != nullptr;
            value = text;
            finished.set_value();
        };
        asio::co_spawn(
            home, on_strand(there, hop(there)), asio::bind_cancellation_slot(cancel.slot(), std::move(done)));
    }

    static asio::awaitable<std::string> hop(strand)
    {
        counted here;
        for (int n = 0; n < 3; ++n)
            co_await asio::post(asio::use_awaitable);
        co_return "a text that is too long to be kept in place";
    }

    void cancel_at_home()
    {
        asio::post(home, [this] {
            cancel.emit(asio::cancellation_type::terminal);
            emitted.set_value();
        });
    }

    pool_strand home;
    asio::cancellation_signal cancel;
    std::promise<void> finished;
    std::promise<void> emitted;
    bool aborted = false;
    std::string value;
};

BOOST_AUTO_TEST_CASE(a_cancellation_at_any_moment_leaves_a_value_or_an_error)
{
    int aborted = 0;
    for (int n = 0; n < 5'000; ++n) {
        round_of_cancellation one(pool, there);
        for (int spin = 0; spin < n % 200; ++spin)
            std::atomic_signal_fence(std::memory_order_seq_cst);
        one.cancel_at_home();
        one.finished.get_future().wait();
        one.emitted.get_future().wait();
        BOOST_REQUIRE(one.aborted || one.value == "a text that is too long to be kept in place");
        aborted += one.aborted ? 1 : 0;
    }
    BOOST_TEST_MESSAGE("cancelled in time: " << aborted << " of 5000");
}

// One thread, which runs what another thread gave it long before that one's call returns.
class slow_executor
{
public:
    slow_executor(asio::thread_pool& home, std::atomic<bool>& in_call)
        : home_(home)
        , in_call_(in_call)
    {}

    template <class Function>
    void execute(Function f) const
    {
        const bool from_home = home_.get_executor().running_in_this_thread();
        if (!from_home)
            in_call_ = true;
        home_.get_executor().execute(std::move(f));
        if (from_home)
            return;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        in_call_ = false;
    }

    asio::execution_context& query(asio::execution::context_t) const noexcept { return home_; }
    static constexpr asio::execution::blocking_t::never_t query(asio::execution::blocking_t) noexcept { return {}; }
    friend bool operator==(const slow_executor& a, const slow_executor& b) noexcept { return &a.home_ == &b.home_; }

private:
    asio::thread_pool& home_;
    std::atomic<bool>& in_call_;
};

BOOST_AUTO_TEST_CASE(the_strand_has_let_go_of_the_callers_executor_when_the_caller_resumes)
{
    asio::thread_pool home(1);
    std::atomic<bool> in_call = false;
    std::promise<bool> resumed;
    auto call = [&]() -> asio::awaitable<void> {
        co_await asio::post(asio::use_awaitable);
        co_await on_strand(there, return_at_once("value"));
        resumed.set_value(in_call);
    };
    asio::co_spawn(asio::any_io_executor(slow_executor(home, in_call)), call, asio::detached);
    BOOST_TEST(!resumed.get_future().get());
    home.join();
}

BOOST_AUTO_TEST_CASE(a_callers_pool_may_end_with_its_last_result)
{
    for (int n = 0; n < 1'000; ++n) {
        asio::thread_pool home(1);
        auto result = asio::co_spawn(home, on_strand(there, return_at_once("value")), asio::use_future);
        BOOST_TEST(result.get() == "value");
    }
}

BOOST_AUTO_TEST_CASE(a_caller_whose_context_ends_while_it_waits_is_destroyed_once)
{
    for (int n = 0; n < 200; ++n) {
        asio::io_context io;
        const auto inner = asio::make_strand(asio::any_io_executor(io.get_executor()));
        auto call = [&]() -> asio::awaitable<void> {
            counted here;
            co_await on_strand(inner, wait_for_ever());
        };
        asio::co_spawn(io, call, asio::detached);
        for (int turns = 0; turns < n % 10; ++turns)
            io.poll_one();
    }
    BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
