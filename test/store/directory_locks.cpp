#include "store/scratch.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

namespace acme::test {

namespace {

namespace fs = std::filesystem;

using lock_ptr = std::unique_ptr<store::lock>;

/// Who has got a lock, on an io_context that is turned by hand.
struct queue_at_lock
{
    std::vector<int> order;
    std::vector<lock_ptr> held;
    boost::system::error_code failure;
    asio::io_context io;

    asio::awaitable<void> take(std::shared_ptr<store> s, int who)
    {
        lock_ptr taken;
        try {
            taken = co_await s->async_lock("k");
        } catch (const error& e) {
            failure = e.code();
            co_return;
        }
        order.push_back(who);
        held.push_back(std::move(taken));
    }

    void spawn(const std::shared_ptr<store>& s, int who) { asio::co_spawn(io, take(s, who), asio::detached); }

    // Longer than the longest pause between two attempts.
    void turn()
    {
        io.restart();
        io.run_for(std::chrono::milliseconds(450));
    }

    template <class Condition>
    void turn_until(Condition condition)
    {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        for (io.restart(); !condition() && !io.stopped() && std::chrono::steady_clock::now() < end;)
            io.run_one_for(std::chrono::milliseconds(100));
    }
};

/// A process of its own that has the lock from the beginning of this object's life until it is killed or released.
class holder
{
public:
    explicit holder(const fs::path& path)
    {
        int to_parent[2];
        int to_child[2];
        BOOST_TEST_REQUIRE((::pipe(to_parent) == 0 && ::pipe(to_child) == 0));
        pid_ = ::fork();
        if (pid_ == 0) {
            ::close(to_child[1]);
            try {
                const auto s = open_directory(path);
                const auto held = run(s->async_lock("k"));
                char octet = 0;
                if (::write(to_parent[1], "x", 1) != 1 || ::read(to_child[0], &octet, 1) < 0)
                    ::_exit(1);
            } catch (...) {
                ::_exit(1);
            }
            ::_exit(0);
        }
        ::close(to_parent[1]);
        ::close(to_child[0]);
        release_ = to_child[1];
        char octet = 0;
        BOOST_TEST_REQUIRE(::read(to_parent[0], &octet, 1) == 1);
        ::close(to_parent[0]);
    }
    holder(const holder&) = delete;
    holder& operator=(const holder&) = delete;
    ~holder() { end(SIGKILL); }

    void release() { end(0); }
    void kill() { end(SIGKILL); }

private:
    void end(int signal)
    {
        if (pid_ == 0)
            return;
        if (signal)
            ::kill(pid_, signal);
        ::close(release_);
        int status = 0;
        ::waitpid(std::exchange(pid_, 0), &status, 0);
        BOOST_TEST((signal ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0));
    }

    pid_t pid_ = 0;
    int release_ = -1;
};

} // namespace

BOOST_AUTO_TEST_SUITE(directory_locks)

BOOST_AUTO_TEST_CASE(a_lock_holds_among_processes_until_it_is_released_or_its_holder_is_killed)
{
    const scratch_folder folder;
    const auto s = open_directory(folder / "d");
    for (const bool killed : {false, true}) {
        holder other(folder / "d");
        queue_at_lock q;
        q.spawn(s, 1);
        q.spawn(s, 2);
        q.turn();
        BOOST_TEST(q.order.empty());
        BOOST_TEST(run(s->async_lock("another")).get() != nullptr);
        if (killed)
            other.kill();
        else
            other.release();
        q.turn_until([&] { return !q.order.empty(); });
        BOOST_TEST((q.order == std::vector<int>{1}));
        q.held.clear();
        q.turn_until([&] { return q.order.size() == 2; });
        BOOST_TEST((q.order == std::vector<int>{1, 2}));
    }
}

BOOST_AUTO_TEST_CASE(a_lock_holds_among_stores_and_in_each_first_come_is_first_served)
{
    const scratch_folder folder;
    const auto a = open_directory(folder / "d");
    const auto b = open_directory(folder / "d");
    queue_at_lock of_a;
    queue_at_lock of_b;
    for (int who = 0; who < 10; ++who)
        of_a.spawn(a, who);
    of_a.turn_until([&] { return !of_a.order.empty(); });
    of_b.spawn(b, 0);
    of_b.turn();
    BOOST_TEST(of_a.order.size() == 1U);
    BOOST_TEST(of_b.order.empty());
    for (std::size_t n = 1; n <= 10; ++n) {
        of_a.held.clear();
        of_a.turn_until([&] { return of_a.order.size() > n; });
    }
    BOOST_TEST((of_a.order == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    of_b.turn_until([&] { return !of_b.order.empty(); });
    BOOST_TEST(of_b.order.size() == 1U);
}

BOOST_AUTO_TEST_CASE(who_waits_for_another_process_can_be_cancelled)
{
    const scratch_folder folder;
    const auto s = open_directory(folder / "d");
    holder other(folder / "d");
    queue_at_lock q;
    asio::cancellation_signal signal;
    asio::co_spawn(q.io, q.take(s, 1), asio::bind_cancellation_slot(signal.slot(), asio::detached));
    q.spawn(s, 2);
    q.turn();
    signal.emit(asio::cancellation_type::terminal);
    q.turn_until([&] { return q.failure.failed(); });
    BOOST_TEST((q.failure == asio::error::operation_aborted));
    BOOST_TEST(q.order.empty());
    other.release();
    q.turn_until([&] { return !q.order.empty(); });
    BOOST_TEST((q.order == std::vector<int>{2}));
}

BOOST_AUTO_TEST_CASE(a_held_lock_outlives_its_store_and_keeps_others_out)
{
    const scratch_folder folder;
    auto s = open_directory(folder / "d");
    auto held = run(s->async_lock("k"));
    s.reset();
    const auto other = open_directory(folder / "d");
    queue_at_lock q;
    q.spawn(other, 1);
    q.turn();
    BOOST_TEST(q.order.empty());
    held.reset();
    q.turn_until([&] { return !q.order.empty(); });
    BOOST_TEST(q.order.size() == 1U);
}

// Only a lock makes loading, adding and saving one step.
BOOST_AUTO_TEST_CASE(two_processes_count_without_losing_a_step)
{
    constexpr int rounds = 40;
    const scratch_folder folder;
    const auto count = [](std::shared_ptr<store> s) -> asio::awaitable<void> {
        for (int n = 0; n < rounds; ++n) {
            const auto held = co_await s->async_lock("sum");
            const auto sum = co_await s->async_load("sum");
            std::string next = std::to_string(sum ? std::stoi(*sum) + 1 : 1);
            co_await s->async_save("sum", std::move(next));
        }
    };
    const pid_t child = ::fork();
    BOOST_TEST_REQUIRE(child >= 0);
    if (child == 0) {
        try {
            run(count(open_directory(folder / "d")));
        } catch (...) {
            ::_exit(1);
        }
        ::_exit(0);
    }
    const auto s = open_directory(folder / "d");
    run(count(s));
    int status = 0;
    BOOST_TEST((::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0));
    BOOST_TEST((run(s->async_load("sum")) == std::to_string(2 * rounds)));
}

BOOST_AUTO_TEST_CASE(two_processes_begin_one_folder_at_once)
{
    for (int round = 0; round < 20; ++round) {
        const scratch_folder folder;
        const pid_t child = ::fork();
        BOOST_TEST_REQUIRE(child >= 0);
        if (child == 0) {
            try {
                run(open_directory(folder / "d")->async_save("a/child", "1"));
            } catch (...) {
                ::_exit(1);
            }
            ::_exit(0);
        }
        run(open_directory(folder / "d")->async_save("a/parent", "1"));
        int status = 0;
        BOOST_TEST((::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0));
        BOOST_TEST(run(open_directory(folder / "d")->async_list("a/")).size() == 2U);
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
