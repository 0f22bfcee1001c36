#include "store/archive.hpp"
#include "store/scratch.hpp"
#include "store/system_calls.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <ctime>
#include <sys/stat.h>
#include <thread>

namespace acme::test {

namespace {

namespace fs = std::filesystem;

std::string stored(const fs::path& path, const std::string& key)
{
    return run(open_directory(path)->async_load(key)).value_or("(none)");
}

/// Holds the renaming of each save until it is told to go on.
class held_saves
{
public:
    held_saves()
        : hook_([this](const std::string& call, int) {
            if (call == "renameat") {
                begun_ = true;
                begun_.notify_all();
                released_.wait(false);
            }
            return 0;
        })
    {}
    ~held_saves() { release(); }

    void wait_for_one() const { begun_.wait(false); }
    void release()
    {
        released_ = true;
        released_.notify_all();
    }

private:
    std::atomic<bool> begun_ = false;
    std::atomic<bool> released_ = false;
    system_call_hook hook_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(directory_store)

BOOST_AUTO_TEST_CASE(everything_is_there_when_the_folder_is_opened_again)
{
    const scratch_folder folder;
    {
        const auto s = open_directory(folder / "d");
        run(s->async_save("a", "1"));
        run(s->async_save("b/c", "\xC3\xA4\n"));
        run(s->async_save("d", "4"));
        run(s->async_erase("a"));
    }
    BOOST_TEST(stored(folder / "d", "a") == "(none)");
    BOOST_TEST(stored(folder / "d", "b/c") == "\xC3\xA4\n");
    BOOST_TEST(stored(folder / "d", "d") == "4");
}

BOOST_AUTO_TEST_CASE(a_save_is_on_the_disk_when_it_returns_in_a_file_of_its_own)
{
    const scratch_folder folder;
    const auto s = open_directory(folder / "d");
    run(s->async_save("b", "other"));
    const auto before = fs::last_write_time(folder / "d/b=");
    for (const std::string value : {"1", "2", ""}) {
        run(s->async_save("a/b", value));
        const objects expected = {{"a/b", value}};
        BOOST_TEST((decode_archive(read_text(folder / "d/a/b="), "f") == expected));
    }
    BOOST_TEST((fs::last_write_time(folder / "d/b=") == before));
    BOOST_TEST(fs::is_empty(folder / "d/=temporary"));
    run(s->async_erase("a/b"));
    BOOST_TEST(!fs::exists(folder / "d/a/b="));
}

BOOST_AUTO_TEST_CASE(folders_are_0700_and_files_0600_whatever_the_umask)
{
    for (const mode_t mask : {0U, 022U, 0777U}) {
        const scratch_folder folder;
        const mode_t before = ::umask(mask);
        run(open_directory(folder / "d")->async_save("a/b", "1"));
        ::umask(before);
        for (const auto& entry : fs::recursive_directory_iterator(folder.path()))
            BOOST_TEST(mode_of(entry) == (entry.is_directory() ? 0700U : 0600U), entry.path());
        BOOST_TEST(stored(folder / "d", "a/b") == "1");
    }
}

BOOST_AUTO_TEST_CASE(a_key_may_be_an_object_and_the_beginning_of_others)
{
    const scratch_folder folder;
    const auto s = open_directory(folder / "d");
    const std::string long_part(300, 'x');
    std::vector<std::string> keys = {"a", "a/b", "a/b/c", "a.b", "a/..b", long_part, long_part + "/y",
        std::string(250, 'x'), std::string(250, 'x') + "/y", std::string(250, 'x') + "../y", "y",
        std::string(512, 'z')};
    for (const auto& key : keys)
        run(s->async_save(key, "of " + key));
    std::sort(keys.begin(), keys.end());
    BOOST_TEST(run(s->async_list("")) == keys, boost::test_tools::per_element());
    const std::vector<std::string> below = {"a/..b", "a/b", "a/b/c"};
    BOOST_TEST(run(s->async_list("a/")) == below, boost::test_tools::per_element());
    BOOST_TEST(run(s->async_list(std::string(251, 'x'))).size() == 2U);
    for (const auto& key : keys) {
        BOOST_TEST((run(s->async_load(key)) == "of " + key));
        run(s->async_erase(key));
    }
    BOOST_TEST(run(s->async_list("")).empty());
    // Nothing has left the folder.
    BOOST_TEST(folder.names().size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_others_put_there_is_not_listed)
{
    const scratch_folder folder;
    const auto s = open_directory(folder / "d");
    run(s->async_save("a/b", "1"));
    for (const char* name : {"A=", "a", "a b=", "..=", "=a=", "x==", "a/=b=", "a/c~", "a/.c=.swp", "=temporary/t="}) {
        if (!fs::exists(folder / "d" / name))
            write_text(folder / "d" / name, "x");
    }
    fs::create_directories(folder / "d/lost+found/a");
    write_text(folder / "d/lost+found/a/b=", "x");
    fs::create_directory(folder / "elsewhere");
    write_text(folder / "elsewhere/b=", "x");
    fs::create_directory_symlink(folder / "elsewhere", folder / "d/link");
    fs::create_directory_symlink(".", folder / "d/ring");
    BOOST_TEST((run(s->async_list("")) == std::vector<std::string>{"a/b"}));
}

BOOST_AUTO_TEST_CASE(twenty_thousand_keys_are_listed_in_a_moment)
{
    constexpr int count = 20'000;
    const scratch_folder folder;
    const auto s = open_directory(folder / "d");
    run(s->async_save("ca/certificates/host0", "x"));
    for (int n = 1; n < count; ++n)
        fs::create_hard_link(
            folder / "d/ca/certificates/host0=", folder / "d/ca/certificates" / ("host" + std::to_string(n) + "="));
    const std::clock_t begin = std::clock();
    const auto keys = run(s->async_list("ca/"));
    const std::clock_t taken = std::clock() - begin;
    BOOST_TEST(keys.size() == static_cast<std::size_t>(count));
    BOOST_TEST(std::is_sorted(keys.begin(), keys.end()));
    // The processor has 20 ms of work with it, or ten times that under a sanitizer.
    BOOST_TEST(taken < 2 * CLOCKS_PER_SEC);
}

BOOST_AUTO_TEST_CASE(two_stores_of_one_folder_see_each_others_saves_at_once)
{
    const scratch_folder folder;
    const auto a = open_directory(folder / "d");
    const auto b = open_directory(folder / "d");
    for (int n = 0; n < 20; ++n) {
        const auto& writer = n % 2 ? a : b;
        const auto& reader = n % 2 ? b : a;
        run(writer->async_save("k/one", std::to_string(n)));
        run(writer->async_save("k/" + std::to_string(n), ""));
        BOOST_TEST((run(reader->async_load("k/one")) == std::to_string(n)));
        BOOST_TEST(run(reader->async_list("k/")).size() == 2U + static_cast<unsigned>(n));
        run(reader->async_save("k/two", ""));
        run(reader->async_erase("k/two"));
        BOOST_TEST(!run(writer->async_load("k/two")).has_value());
    }
}

BOOST_AUTO_TEST_CASE(the_last_of_many_saves_to_one_key_stays)
{
    constexpr int saves = 50;
    const scratch_folder folder;
    const auto s = open_directory(folder / "d");
    asio::io_context io;
    int saved = 0;
    for (int n = 1; n <= saves; ++n)
        asio::co_spawn(io, s->async_save("a", std::to_string(n)), [&](std::exception_ptr e) { saved += e ? 0 : 1; });
    io.run();
    BOOST_TEST(saved == saves);
    BOOST_TEST((run(s->async_load("a")) == std::to_string(saves)));
}

BOOST_AUTO_TEST_CASE(a_save_that_hangs_does_not_hold_up_the_other_keys)
{
    const scratch_folder folder;
    const auto s = open_directory(folder / "d");
    for (int n = 0; n < 64; ++n)
        run(s->async_save("k" + std::to_string(n), "1"));
    asio::io_context io;
    held_saves saves;
    asio::co_spawn(io, s->async_save("k0", "2"), asio::detached);
    io.poll();
    saves.wait_for_one();
    asio::io_context others;
    int loaded = 0;
    for (int n = 1; n < 64; ++n)
        asio::co_spawn(
            others, s->async_load("k" + std::to_string(n)), [&](std::exception_ptr, std::optional<std::string>) {
                if (++loaded == 8)
                    others.stop();
            });
    others.run();
    BOOST_TEST(loaded >= 8);
    saves.release();
    io.restart();
    io.run();
}

BOOST_AUTO_TEST_CASE(a_cancelled_save_returns_at_once_and_goes_on)
{
    const scratch_folder folder;
    auto s = open_directory(folder / "d");
    asio::io_context io;
    held_saves saves;
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
    saves.wait_for_one();
    signal.emit(asio::cancellation_type::terminal);
    io.restart();
    io.run();
    BOOST_TEST((ec == asio::error::operation_aborted));
    saves.release();
    s.reset();
    BOOST_TEST(stored(folder / "d", "a") == "1");
}

BOOST_AUTO_TEST_CASE(destroying_the_store_waits_for_what_is_under_way)
{
    const scratch_folder folder;
    auto s = open_directory(folder / "d");
    asio::io_context io;
    int saved = 0;
    for (int n = 0; n < 20; ++n)
        asio::co_spawn(
            io, s->async_save("k" + std::to_string(n), "1"), [&](std::exception_ptr e) { saved += e ? 0 : 1; });
    io.poll();
    s.reset();
    BOOST_TEST(run(open_directory(folder / "d")->async_list("k")).size() == 20U);
    io.restart();
    io.run();
    BOOST_TEST(saved == 20);
}

BOOST_AUTO_TEST_CASE(the_context_may_be_destroyed_at_any_time)
{
    const scratch_folder folder;
    for (int i = 0; i < 50; ++i) {
        std::shared_ptr<store> s;
        {
            asio::io_context io;
            asio::co_spawn(io, async_open_directory_store(folder / "d"), asio::detached);
            io.poll();
        }
        s = open_directory(folder / "d");
        {
            asio::io_context io;
            for (int k = 0; k < 4; ++k)
                asio::co_spawn(io, s->async_save("k" + std::to_string(k), std::to_string(i)), asio::detached);
            asio::co_spawn(io, s->async_list(""), asio::detached);
            asio::co_spawn(io, s->async_lock("k"), asio::detached);
            io.poll();
        }
        s.reset();
        BOOST_TEST(stored(folder / "d", "k3") == std::to_string(i));
    }
}

BOOST_AUTO_TEST_CASE(a_relative_path_is_of_the_folder_that_was_current_first)
{
    const scratch_folder folder;
    const fs::path before = fs::current_path();
    fs::current_path(folder.path());
    const auto s = open_directory("d/");
    fs::current_path(before);
    run(s->async_save("a", "1"));
    BOOST_TEST(stored(folder / "d", "a") == "1");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
