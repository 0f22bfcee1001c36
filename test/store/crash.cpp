#include "store/scratch.hpp"

#include <boost/asio/detached.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <random>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace acme::test {

namespace {

namespace fs = std::filesystem;

constexpr int counters = 4;

struct report
{
    int counter;
    int value;
};

std::string key_of(int counter)
{
    return "counter/" + std::to_string(counter);
}

// Long, and wrong where octets of two writes are mixed.
std::string text_of(int value)
{
    return std::to_string(value) + " " +
        std::string(static_cast<std::size_t>(value % 50) * 1000, char('a' + value % 26));
}

int value_of(const std::optional<std::string>& text)
{
    const int value = text ? std::stoi(*text) : 0;
    BOOST_TEST((!text || *text == text_of(value)));
    return value;
}

asio::awaitable<void> count_up(std::shared_ptr<store> s, int counter, int channel)
{
    const auto text = co_await s->async_load(key_of(counter));
    for (report r = {counter, text ? std::stoi(*text) : 0};;) {
        ++r.value;
        co_await s->async_save(key_of(counter), text_of(r.value));
        if (::write(channel, &r, sizeof r) != sizeof r)
            ::_exit(3);
    }
}

using opener = std::shared_ptr<store> (*)(const fs::path&);

[[noreturn]] void run_child(opener open_store, const fs::path& path, int channel)
{
    try {
        asio::io_context io;
        const auto s = open_store(path);
        for (int counter = 0; counter < counters; ++counter)
            asio::co_spawn(io, count_up(s, counter, channel), [](std::exception_ptr) { ::_exit(2); });
        io.run();
    } catch (...) {
    }
    ::_exit(1);
}

struct moment
{
    int reports;
    std::chrono::microseconds later;
};

// Kills a child some time after so many reports, and takes in all that it reported. The number of reports.
int run_and_kill(opener open_store, const fs::path& path, moment end, std::array<int, counters>& reported)
{
    int channel[2];
    BOOST_TEST_REQUIRE(::pipe(channel) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(channel[0]);
        run_child(open_store, path, channel[1]);
    }
    ::close(channel[1]);
    int reports = 0;
    const auto take_one = [&] {
        report r = {};
        if (::read(channel[0], &r, sizeof r) != sizeof r)
            return false;
        reported[static_cast<std::size_t>(r.counter)] = r.value;
        ++reports;
        return true;
    };
    while (reports < end.reports && take_one())
        continue;
    std::this_thread::sleep_for(end.later);
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    while (take_one())
        continue;
    ::close(channel[0]);
    BOOST_TEST_REQUIRE(WIFSIGNALED(status), "the child failed, " << status);
    return reports;
}

void kill_again_and_again(opener open_store, const fs::path& path, const fs::path& temporaries, std::ptrdiff_t others)
{
    constexpr int rounds = 150;
    const auto left = [&] {
        std::error_code ignored;
        return std::distance(fs::directory_iterator(temporaries, ignored), fs::directory_iterator()) - others;
    };
    std::array<int, counters> reported = {};
    std::mt19937 random(20251123);
    std::uniform_int_distribution<int> reports_before(0, 8);
    std::uniform_int_distribution<int> microseconds(0, 5'000);
    int reports = 0;
    int interrupted = 0;
    for (int round = 0; round < rounds; ++round) {
        const moment end = {reports_before(random), std::chrono::microseconds(microseconds(random))};
        reports += run_and_kill(open_store, path, end, reported);
        interrupted += left() > 0 ? 1 : 0;
        const auto s = open_store(path);
        BOOST_TEST(left() <= 0);
        for (int counter = 0; counter < counters; ++counter) {
            int& last = reported[static_cast<std::size_t>(counter)];
            const int found = value_of(run(s->async_load(key_of(counter))));
            // The last that was reported, or the one under way.
            BOOST_TEST_REQUIRE((found == last || found == last + 1), found << " after " << last);
            last = found;
        }
    }
    BOOST_TEST_MESSAGE(reports << " saves, " << interrupted << " writes interrupted in " << rounds << " rounds");
    BOOST_TEST(reports > rounds);
    BOOST_TEST(interrupted > 0);
}

constexpr int skipped = 77;

int fill_a_disk(const fs::path& folder)
{
    if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return skipped;
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", folder.c_str(), "tmpfs", 0, "size=1m") != 0)
        return skipped;
    const auto s = open(folder / "f");
    int saved = 0;
    std::optional<error> e;
    while (saved < 100 && !e) {
        e = failure_of([&] { run(s->async_save("k" + std::to_string(saved), std::string(100'000, 'x'))); });
        saved += e ? 0 : 1;
    }
    if (!e || e->code() != boost::system::errc::no_space_on_device || saved < 2)
        return 1;
    if (run(open(folder / "f")->async_list("")).size() != static_cast<std::size_t>(saved))
        return 2;
    // Old and new file together must fit.
    for (int i = saved; i >= 2; --i)
        e = failure_of([&] { run(s->async_erase("k" + std::to_string(i))); });
    if (e || run(open(folder / "f")->async_list("")).size() != 2)
        return 3;
    return std::distance(fs::directory_iterator(folder), fs::directory_iterator()) == 1 ? 0 : 4;
}

} // namespace

BOOST_AUTO_TEST_SUITE(crash)

BOOST_AUTO_TEST_CASE(a_process_killed_at_any_moment_loses_nothing_that_was_reported_saved)
{
    const scratch_folder folder;
    kill_again_and_again(open, folder / "f", folder.path(), 1);
}

BOOST_AUTO_TEST_CASE(a_process_killed_at_any_moment_loses_nothing_that_a_folder_was_said_to_have)
{
    const scratch_folder folder;
    kill_again_and_again(open_directory, folder / "d", folder / "d/=temporary", 0);
}

BOOST_AUTO_TEST_CASE(a_full_disk_costs_only_the_save_that_did_not_fit)
{
    const scratch_folder folder;
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            ::_exit(fill_a_disk(folder.path()));
        } catch (...) {
            ::_exit(5);
        }
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    BOOST_TEST_REQUIRE(WIFEXITED(status));
    if (WEXITSTATUS(status) == skipped)
        BOOST_TEST_MESSAGE("no disk of one's own can be mounted here");
    else
        BOOST_TEST(WEXITSTATUS(status) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
