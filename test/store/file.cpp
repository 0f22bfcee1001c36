#include "store/archive.hpp"
#include "store/scratch.hpp"
#include "store/system_calls.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <ctime>
#include <future>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace acme::test {

namespace {

namespace fs = std::filesystem;

/// Holds the renaming of each write until it is told to go on, and counts.
class held_writes
{
public:
    held_writes()
        : hook_([this](const std::string& call, int) {
            if (call == "renameat") {
                ++begun_;
                go_.wait();
            }
            return 0;
        })
    {}
    ~held_writes() { release(); }

    void wait_for_one() const
    {
        while (begun_ == 0)
            std::this_thread::yield();
    }
    void release()
    {
        if (!std::exchange(released_, true))
            promise_.set_value();
    }
    int begun() const { return begun_; }

private:
    std::atomic<int> begun_ = 0;
    bool released_ = false;
    std::promise<void> promise_;
    std::shared_future<void> go_ = promise_.get_future().share();
    system_call_hook hook_;
};

std::optional<error> opening_failure(const fs::path& path)
{
    return failure_of([&] { open(path); });
}

// The path is there, and the system's words.
void check_failure(const std::optional<error>& e, const fs::path& path, int code)
{
    BOOST_TEST_REQUIRE(e.has_value());
    const boost::system::error_code expected(code, boost::system::system_category());
    BOOST_TEST((e->code() == expected.default_error_condition()), e->what());
    const std::string what = e->what();
    BOOST_TEST(what.find(path.native()) != std::string::npos, what);
    BOOST_TEST(what.find(expected.message()) != std::string::npos, what);
}

std::string stored(const fs::path& path, const std::string& key)
{
    return run(open(path)->async_load(key)).value_or("(none)");
}

} // namespace

BOOST_AUTO_TEST_SUITE(file_store)

BOOST_AUTO_TEST_CASE(an_absent_file_is_an_empty_store_and_stays_absent_until_something_is_saved)
{
    const scratch_folder folder;
    const auto s = open(folder / "f");
    BOOST_TEST(run(s->async_list("")).empty());
    run(s->async_erase("a"));
    BOOST_TEST(folder.names().empty());
}

BOOST_AUTO_TEST_CASE(everything_is_there_when_it_is_opened_again)
{
    const scratch_folder folder;
    {
        const auto s = open(folder / "f");
        run(s->async_save("a", "1"));
        run(s->async_save("b", "\xC3\xA4\n"));
        run(s->async_save("c", "3"));
        run(s->async_erase("a"));
    }
    BOOST_TEST(stored(folder / "f", "a") == "(none)");
    BOOST_TEST(stored(folder / "f", "b") == "\xC3\xA4\n");
    BOOST_TEST(stored(folder / "f", "c") == "3");
    BOOST_TEST(folder.names().size() == 1U);
    BOOST_TEST(mode_of(folder / "f") == 0600U);
}

BOOST_AUTO_TEST_CASE(a_save_is_on_the_disk_when_it_returns)
{
    const scratch_folder folder;
    const auto s = open(folder / "f");
    for (const std::string value : {"1", "2", "3"}) {
        run(s->async_save("a", value));
        const objects expected = {{"a", value}};
        BOOST_TEST((decode_archive(read_text(folder / "f"), "f") == expected));
    }
    run(s->async_erase("a"));
    BOOST_TEST(decode_archive(read_text(folder / "f"), "f").empty());
}

BOOST_AUTO_TEST_CASE(a_wider_mode_is_tightened_by_the_next_save)
{
    const scratch_folder folder;
    run(open(folder / "f")->async_save("a", "1"));
    ::chmod((folder / "f").c_str(), 0666);
    const auto s = open(folder / "f");
    BOOST_TEST(mode_of(folder / "f") == 0666U);
    run(s->async_save("a", "1"));
    BOOST_TEST(mode_of(folder / "f") == 0600U);
}

BOOST_AUTO_TEST_CASE(damaged_and_foreign_files_are_refused_and_left_untouched)
{
    const std::string good = encode_archive({{"a", "1"}, {"b", "2"}});
    std::string flipped = good;
    flipped[flipped.size() - 6] = '3';
    const std::vector<std::pair<std::string, errc>> table = {{"", errc::damaged_state},
        {good.substr(0, 10), errc::damaged_state}, {good.substr(0, good.size() - 1), errc::damaged_state},
        {flipped, errc::damaged_state}, {good + good, errc::damaged_state},
        {std::string(5000, '\0'), errc::foreign_state}, {"{\"a\": \"1\"}", errc::foreign_state},
        {"asio-acme-state 7 x\n", errc::foreign_state}};
    for (const auto& [text, code] : table) {
        const scratch_folder folder;
        const fs::path path = folder / "f";
        write_text(path, text);
        write_text(folder / ".f.0123456789abcdef.tmp", "perhaps what can be saved");
        ::chmod(path.c_str(), 0640);
        struct stat before = {};
        struct stat after = {};
        ::stat(path.c_str(), &before);
        const auto e = opening_failure(path);
        ::stat(path.c_str(), &after);
        BOOST_TEST_REQUIRE(e.has_value());
        BOOST_TEST((e->code() == code), e->what());
        BOOST_TEST(std::string(e->what()).find(path.native() + ": ") != std::string::npos, e->what());
        BOOST_TEST(read_text(path) == text);
        BOOST_TEST((before.st_ino == after.st_ino && before.st_mode == after.st_mode));
        BOOST_TEST((before.st_ctim.tv_sec == after.st_ctim.tv_sec && before.st_ctim.tv_nsec == after.st_ctim.tv_nsec));
        BOOST_TEST(folder.names().size() == 2U);
    }
}

BOOST_AUTO_TEST_CASE(a_huge_file_is_refused_at_once)
{
    const scratch_folder folder;
    write_text(folder / "f", "asio-acme-state 1 ");
    fs::resize_file(folder / "f", std::uintmax_t{2} << 30);
    const std::clock_t begin = std::clock();
    const auto e = opening_failure(folder / "f");
    // To read it would be a second's work.
    BOOST_TEST(std::clock() - begin < CLOCKS_PER_SEC / 5);
    BOOST_TEST_REQUIRE(e.has_value());
    BOOST_TEST((e->code() == errc::foreign_state));
    BOOST_TEST(fs::file_size(folder / "f") == std::uintmax_t{2} << 30);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_opened_is_the_systems_error)
{
    const scratch_folder folder;
    fs::create_directory(folder / "folder");
    check_failure(opening_failure(folder / "folder"), folder / "folder", EISDIR);
    check_failure(opening_failure(folder / "absent/f"), folder / "absent/f", ENOENT);
    if (::geteuid() != 0) {
        write_text(folder / "f", "");
        ::chmod((folder / "f").c_str(), 0);
        check_failure(opening_failure(folder / "f"), folder / "f", EACCES);
    }
}

BOOST_AUTO_TEST_CASE(leftovers_of_a_crash_are_removed)
{
    const scratch_folder folder;
    run(open(folder / "f")->async_save("a", "1"));
    write_text(folder / ".f.0123456789abcdef.tmp", "asio-acme");
    BOOST_TEST(stored(folder / "f", "a") == "1");
    BOOST_TEST(folder.names().size() == 1U);
}

BOOST_AUTO_TEST_CASE(saves_that_come_during_a_write_share_the_next)
{
    const scratch_folder folder;
    const auto s = open(folder / "f");
    asio::io_context io;
    held_writes writes;
    int saved = 0;
    const auto count = [&](std::exception_ptr e) { saved += e ? 0 : 1; };
    asio::co_spawn(io, s->async_save("first", "1"), count);
    io.poll();
    writes.wait_for_one();
    for (int i = 0; i < 200; ++i)
        asio::co_spawn(io, s->async_save("k" + std::to_string(i % 150), std::to_string(i)), count);
    asio::co_spawn(io, s->async_erase("first"), count);
    io.restart();
    io.poll();
    BOOST_TEST(saved == 0);
    writes.release();
    io.run();
    BOOST_TEST(saved == 202);
    BOOST_TEST(writes.begun() == 2);
    const auto contents = decode_archive(read_text(folder / "f"), "f");
    BOOST_TEST(contents.size() == 150U);
    BOOST_TEST(contents.at("k49") == "199");
}

BOOST_AUTO_TEST_CASE(what_a_write_does_not_hold_is_not_reported_durable)
{
    const scratch_folder folder;
    const auto s = open(folder / "f");
    asio::io_context io;
    held_writes writes;
    bool first = false;
    bool second = false;
    asio::co_spawn(io, s->async_save("a", "1"), [&](std::exception_ptr) {
        first = true;
        BOOST_TEST((decode_archive(read_text(folder / "f"), "f").contains("a")));
    });
    io.poll();
    writes.wait_for_one();
    asio::co_spawn(io, s->async_save("b", "2"), [&](std::exception_ptr) {
        second = true;
        BOOST_TEST((decode_archive(read_text(folder / "f"), "f").contains("b")));
    });
    io.restart();
    io.poll();
    writes.release();
    io.run();
    BOOST_TEST((first && second));
}

BOOST_AUTO_TEST_CASE(a_value_is_loaded_while_it_is_being_written)
{
    const scratch_folder folder;
    const auto s = open(folder / "f");
    asio::io_context io;
    held_writes writes;
    asio::co_spawn(io, s->async_save("a", "1"), asio::detached);
    io.poll();
    writes.wait_for_one();
    BOOST_TEST((run(s->async_load("a")) == "1"));
    writes.release();
    io.restart();
    io.run();
}

BOOST_AUTO_TEST_CASE(a_failed_save_stays_in_memory_and_the_next_writes_everything)
{
    const scratch_folder folder;
    const auto s = open(folder / "f");
    run(s->async_save("a", "old"));
    run(s->async_save("gone", "x"));
    {
        const system_call_hook hook([](const std::string& call, int) { return call == "write" ? ENOSPC : 0; });
        check_failure(failure_of([&] { run(s->async_save("a", "new")); }), folder / "f", ENOSPC);
        check_failure(failure_of([&] { run(s->async_erase("gone")); }), folder / "f", ENOSPC);
        // Gone in memory, but not from the disk.
        check_failure(failure_of([&] { run(s->async_erase("gone")); }), folder / "f", ENOSPC);
    }
    BOOST_TEST((run(s->async_load("a")) == "new"));
    BOOST_TEST(stored(folder / "f", "a") == "old");
    BOOST_TEST(stored(folder / "f", "gone") == "x");
    run(s->async_erase("gone"));
    BOOST_TEST(stored(folder / "f", "a") == "new");
    BOOST_TEST(stored(folder / "f", "gone") == "(none)");
    BOOST_TEST(folder.names().size() == 1U);
}

BOOST_AUTO_TEST_CASE(every_save_that_shared_a_failed_write_fails)
{
    const scratch_folder folder;
    const auto s = open(folder / "f");
    const system_call_hook hook([](const std::string& call, int) { return call == "fsync" ? EIO : 0; });
    asio::io_context io;
    int failed = 0;
    for (int i = 0; i < 20; ++i)
        asio::co_spawn(
            io, s->async_save("k" + std::to_string(i), ""), [&](std::exception_ptr e) { failed += e ? 1 : 0; });
    io.run();
    BOOST_TEST(failed == 20);
}

BOOST_AUTO_TEST_CASE(a_folder_that_goes_and_comes_back_costs_only_the_saves_between)
{
    const scratch_folder folder;
    fs::create_directory(folder / "d");
    const auto s = open(folder / "d/f");
    run(s->async_save("a", "1"));
    fs::rename(folder / "d", folder / "e");
    check_failure(failure_of([&] { run(s->async_save("b", "2")); }), folder / "d/f", ENOENT);
    fs::rename(folder / "e", folder / "d");
    run(s->async_save("c", "3"));
    BOOST_TEST(stored(folder / "d/f", "b") == "2");
}

BOOST_AUTO_TEST_CASE(a_file_size_limit_is_an_error_and_no_signal)
{
    const scratch_folder folder;
    const auto s = open(folder / "f");
    run(s->async_save("a", "small"));
    rlimit before = {};
    ::getrlimit(RLIMIT_FSIZE, &before);
    rlimit limited = before;
    limited.rlim_cur = 512 * 1024;
    ::setrlimit(RLIMIT_FSIZE, &limited);
    const auto e = failure_of([&] { run(s->async_save("b", std::string(600 * 1024, 'x'))); });
    ::setrlimit(RLIMIT_FSIZE, &before);
    check_failure(e, folder / "f", EFBIG);
    BOOST_TEST(stored(folder / "f", "a") == "small");
    BOOST_TEST(folder.names().size() == 1U);
    run(s->async_save("c", ""));
    BOOST_TEST(stored(folder / "f", "b").size() == 600U * 1024U);
}

BOOST_AUTO_TEST_CASE(a_cancelled_save_returns_at_once_and_the_write_goes_on)
{
    const scratch_folder folder;
    auto s = open(folder / "f");
    asio::io_context io;
    held_writes writes;
    asio::cancellation_signal signal;
    boost::system::error_code ec;
    const auto work = [&]() -> asio::awaitable<void> {
        try {
            co_await s->async_save("a", "1");
        } catch (const error& e) {
            ec = e.code();
        }
    };
    asio::co_spawn(io, work(), asio::bind_cancellation_slot(signal.slot(), asio::detached));
    io.poll();
    writes.wait_for_one();
    signal.emit(asio::cancellation_type::terminal);
    io.restart();
    io.run();
    BOOST_TEST((ec == asio::error::operation_aborted));
    writes.release();
    s.reset();
    BOOST_TEST(stored(folder / "f", "a") == "1");
}

BOOST_AUTO_TEST_CASE(destruction_finishes_what_is_under_way)
{
    const scratch_folder folder;
    auto s = open(folder / "f");
    asio::io_context io;
    held_writes writes;
    int saved = 0;
    const auto count = [&](std::exception_ptr e) { saved += e ? 0 : 1; };
    asio::co_spawn(io, s->async_save("a", "1"), count);
    io.poll();
    writes.wait_for_one();
    asio::co_spawn(io, s->async_save("b", "2"), count);
    io.restart();
    io.poll();
    std::thread destroyer([&] { s.reset(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    writes.release();
    destroyer.join();
    BOOST_TEST(stored(folder / "f", "a") == "1");
    BOOST_TEST(stored(folder / "f", "b") == "2");
    io.run();
    BOOST_TEST(saved == 2);
}

BOOST_AUTO_TEST_CASE(the_context_may_be_destroyed_during_saves_and_openings)
{
    const scratch_folder folder;
    for (int i = 0; i < 100; ++i) {
        std::shared_ptr<store> s;
        {
            asio::io_context io;
            asio::co_spawn(io, async_open_file_store(folder / "f"), asio::detached);
            io.poll();
        }
        s = open(folder / "f");
        {
            asio::io_context io;
            for (int k = 0; k < 4; ++k)
                asio::co_spawn(io, s->async_save("k" + std::to_string(k), std::to_string(i)), asio::detached);
            io.poll();
        }
        run(s->async_save("last", std::to_string(i)));
        s.reset();
        BOOST_TEST(stored(folder / "f", "k3") == std::to_string(i));
    }
}

BOOST_AUTO_TEST_CASE(the_last_reference_may_go_in_a_completed_save)
{
    const scratch_folder folder;
    for (int i = 0; i < 20; ++i) {
        asio::io_context io;
        auto s = open(folder / "f");
        const auto save = [](std::shared_ptr<store> mine) -> asio::awaitable<void> {
            co_await mine->async_save("a", "1");
            mine.reset();
        };
        asio::co_spawn(io, save(std::move(s)), asio::detached);
        io.run();
    }
    BOOST_TEST(stored(folder / "f", "a") == "1");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
