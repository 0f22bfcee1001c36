#include "store/archive.hpp"
#include "store/object_folder.hpp"
#include "store/scratch.hpp"
#include "store/system_calls.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace acme::test {

namespace {

namespace fs = std::filesystem;

std::optional<error> loading_failure(const std::shared_ptr<store>& s, const std::string& key)
{
    return failure_of([&] { run(s->async_load(key)); });
}

std::optional<error> saving_failure(const std::shared_ptr<store>& s, const std::string& key)
{
    return failure_of([&] { run(s->async_save(key, "new")); });
}

std::optional<error> opening_failure(const fs::path& path)
{
    return failure_of([&] { open_directory(path); });
}

// The path is there, and the system's words.
bool tells(const std::optional<error>& e, const fs::path& path, boost::system::error_code code)
{
    if (!e)
        return false;
    const std::string what = e->what();
    const bool right = e->code() == code.default_error_condition() && what.find(path.native()) != std::string::npos &&
        what.find(code.message()) != std::string::npos;
    BOOST_TEST(right, what);
    return right;
}

bool tells(const std::optional<error>& e, const fs::path& path, int code)
{
    return tells(e, path, boost::system::error_code(code, boost::system::system_category()));
}

std::vector<fs::path> everything_in(const fs::path& folder)
{
    std::vector<fs::path> all;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        all.push_back(entry.path());
    std::sort(all.begin(), all.end());
    return all;
}

/// Runs the test in a process of its own, which may change what holds for processes. 77 where it can't.
template <class Test>
void run_in_child(Test test)
{
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            ::_exit(test());
        } catch (...) {
            ::_exit(99);
        }
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    BOOST_TEST_REQUIRE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        BOOST_TEST_MESSAGE("that can't be tried here");
    else
        BOOST_TEST(WEXITSTATUS(status) == 0);
}

bool mount_small_disk(const fs::path& folder)
{
    return (::unshare(CLONE_NEWNS) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
        ::mount("none", folder.c_str(), "tmpfs", 0, "size=1m") == 0;
}

} // namespace

BOOST_AUTO_TEST_SUITE(directory_faults)

BOOST_AUTO_TEST_CASE(damaged_objects_are_named_and_left_and_the_others_are_loaded)
{
    const std::string good = encode_archive({{"a/b", "1"}});
    std::string flipped = good;
    flipped[flipped.size() - 6] = '3';
    const std::vector<std::pair<std::string, errc>> table = {{"", errc::damaged_state},
        {good.substr(0, 10), errc::damaged_state}, {good.substr(0, good.size() - 1), errc::damaged_state},
        {flipped, errc::damaged_state}, {good + good, errc::damaged_state},
        {encode_archive({{"a/c", "1"}}), errc::damaged_state},
        {encode_archive({{"a/b", "1"}, {"a/c", "1"}}), errc::damaged_state}, {encode_archive({}), errc::damaged_state},
        {std::string(5000, '\0'), errc::foreign_state}, {"{\"a/b\": \"1\"}", errc::foreign_state},
        {"asio-acme-state 7 x\n", errc::foreign_state}};
    for (const auto& [text, code] : table) {
        const scratch_folder folder;
        run(open_directory(folder / "d")->async_save("a/b", "1"));
        run(open_directory(folder / "d")->async_save("a/c", "2"));
        const auto path = folder / "d/a/b=";
        write_text(path, text);
        const auto s = open_directory(folder / "d");
        BOOST_TEST(tells(loading_failure(s, "a/b"), path, code));
        BOOST_TEST((run(s->async_load("a/c")) == "2"));
        BOOST_TEST((run(s->async_list("")) == std::vector<std::string>{"a/b", "a/c"}));
        run(s->async_save("a/c", "3"));
        BOOST_TEST(read_text(path) == text);
        // What its owner still knows takes its place.
        run(s->async_save("a/b", "4"));
        BOOST_TEST((run(s->async_load("a/b")) == "4"));
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_file_is_neither_followed_nor_waited_for)
{
    const scratch_folder folder;
    const auto s = open_directory(folder / "d");
    run(open_directory(folder / "other")->async_save("k", "secret"));
    const auto secret = read_text(folder / "other/k=");
    fs::create_symlink(folder / "other/k=", folder / "d/k=");
    fs::create_symlink("nowhere", folder / "d/dangling=");
    fs::create_directory(folder / "d/folder=");
    ::mkfifo((folder / "d/fifo=").c_str(), 0600);
    write_text(folder / "d/huge=", "asio-acme-state 1 ");
    fs::resize_file(folder / "d/huge=", std::uintmax_t{2} << 30);
    fs::create_symlink("/dev/zero", folder / "d/endless=");
    BOOST_TEST(tells(loading_failure(s, "k"), folder / "d/k=", ELOOP));
    BOOST_TEST(tells(loading_failure(s, "dangling"), folder / "d/dangling=", ELOOP));
    BOOST_TEST(tells(loading_failure(s, "endless"), folder / "d/endless=", ELOOP));
    BOOST_TEST(tells(loading_failure(s, "folder"), folder / "d/folder=", EISDIR));
    BOOST_TEST(tells(saving_failure(s, "folder"), folder / "d/folder=", EISDIR));
    BOOST_TEST(tells(loading_failure(s, "fifo"), folder / "d/fifo=", errc::foreign_state));
    BOOST_TEST(tells(loading_failure(s, "huge"), folder / "d/huge=", errc::foreign_state));
    for (const std::string key : {"k", "dangling", "fifo", "huge", "endless"}) {
        run(s->async_save(key, "mine"));
        BOOST_TEST((run(s->async_load(key)) == "mine"));
    }
    BOOST_TEST(read_text(folder / "other/k=") == secret);
    BOOST_TEST(!fs::exists(folder / "d/nowhere"));
}

BOOST_AUTO_TEST_CASE(no_link_leads_out_of_the_folder)
{
    const scratch_folder folder;
    const auto s = open_directory(folder / "d");
    run(open_directory(folder / "other")->async_save("k", "secret"));
    fs::create_directory_symlink(folder / "other", folder / "d/out");
    write_text(folder / "d/file", "");
    const auto before = everything_in(folder / "other");
    for (const std::string first : {"out", "file"}) {
        const auto path = folder.path() / "d" / first / "k=";
        BOOST_TEST(tells(loading_failure(s, first + "/k"), path, ENOTDIR));
        BOOST_TEST(tells(saving_failure(s, first + "/k"), path, ENOTDIR));
        BOOST_TEST(tells(failure_of([&] { run(s->async_erase(first + "/k")); }), path, ENOTDIR));
    }
    BOOST_TEST((everything_in(folder / "other") == before));
    BOOST_TEST((run(open_directory(folder / "other")->async_load("k")) == "secret"));
    BOOST_TEST(run(s->async_list("")).empty());
}

BOOST_AUTO_TEST_CASE(foreign_and_newer_folders_are_refused_and_left_untouched)
{
    for (const char* name :
        {"index.html", "=asio-acme-store-2", "=asio-acme-store-11", "a=", "=temporary", ".hidden"}) {
        const scratch_folder folder;
        fs::create_directory(folder / "d");
        write_text(folder / "d" / name, "x");
        const auto before = everything_in(folder.path());
        const auto time = fs::last_write_time(folder / "d");
        BOOST_TEST(tells(opening_failure(folder / "d"), folder / "d", errc::foreign_state), name);
        BOOST_TEST((everything_in(folder.path()) == before));
        BOOST_TEST((fs::last_write_time(folder / "d") == time));
    }
    const scratch_folder folder;
    fs::create_directory(folder / "empty");
    run(open_directory(folder / "empty")->async_save("a", "1"));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_opened_is_the_systems_error)
{
    const scratch_folder folder;
    write_text(folder / "file", "");
    BOOST_TEST(tells(opening_failure(folder / "file"), folder / "file", ENOTDIR));
    BOOST_TEST(tells(opening_failure(folder / "absent/d"), folder / "absent/d", ENOENT));
    BOOST_TEST(tells(opening_failure(folder / "file/d"), folder / "file/d", ENOTDIR));
    BOOST_TEST(tells(opening_failure(""), "", EINVAL));
    fs::create_directory(folder / "real");
    fs::create_directory_symlink("real", folder / "link");
    run(open_directory(folder / "link")->async_save("a", "1"));
    BOOST_TEST((run(open_directory(folder / "real")->async_load("a")) == "1"));
}

BOOST_AUTO_TEST_CASE(without_permission_nothing_works_and_everything_is_named)
{
    const scratch_folder folder;
    run(open_directory(folder / "d")->async_save("a/b", "old"));
    ::chmod(folder.path().c_str(), 0755);
    run_in_child([&] {
        if (::geteuid() == 0 && ::setuid(65534) != 0)
            return 77;
        ::chmod((folder / "d").c_str(), 0);
        ::chmod(folder.path().c_str(), 0500);
        return tells(opening_failure(folder / "d"), folder / "d", EACCES) &&
                tells(opening_failure(folder / "new"), folder / "new", EACCES)
            ? 0
            : 1;
    });
    ::chmod(folder.path().c_str(), 0700);
}

BOOST_AUTO_TEST_CASE(a_failing_call_leaves_the_old_value_and_the_next_save_succeeds)
{
    const std::vector<std::pair<std::string, std::vector<int>>> faults = {{"fchmod", {EPERM}},
        {"write", {ENOSPC, EDQUOT, EIO, EFBIG}}, {"fsync", {EIO, ENOSPC}}, {"renameat", {EACCES, EROFS, ENOSPC}}};
    const scratch_folder folder;
    const auto s = open_directory(folder / "d");
    run(s->async_save("a/b", "old"));
    for (const auto& [name, codes] : faults) {
        for (const int code : codes) {
            {
                const system_call_hook hook([&](const std::string& call, int) { return call == name ? code : 0; });
                BOOST_TEST(tells(saving_failure(s, "a/b"), folder / "d/a/b=", code));
                BOOST_TEST(tells(saving_failure(s, "new/b"), folder / "d/new/b=", code));
            }
            BOOST_TEST((run(s->async_load("a/b")) == "old"));
            BOOST_TEST(!run(s->async_load("new/b")).has_value());
            BOOST_TEST(fs::is_empty(folder / "d/=temporary"));
            run(s->async_save("a/b", "newer"));
            run(s->async_save("a/b", "old"));
        }
    }
    // An erasure that did not reach the disk is no success, nor is its repetition.
    const system_call_hook hook([&](const std::string& call, int) { return call == "fsync" ? EIO : 0; });
    for (int n = 0; n < 2; ++n)
        BOOST_TEST(tells(failure_of([&] { run(s->async_erase("a/b")); }), folder / "d/a/b=", EIO));
}

BOOST_AUTO_TEST_CASE(a_file_size_limit_is_an_error_and_no_signal)
{
    const scratch_folder folder;
    const auto s = open_directory(folder / "d");
    rlimit before = {};
    ::getrlimit(RLIMIT_FSIZE, &before);
    rlimit limited = before;
    limited.rlim_cur = 512 * 1024;
    ::setrlimit(RLIMIT_FSIZE, &limited);
    const auto e = failure_of([&] { run(s->async_save("b", std::string(600 * 1024, 'x'))); });
    ::setrlimit(RLIMIT_FSIZE, &before);
    BOOST_TEST(tells(e, folder / "d/b=", EFBIG));
    run(s->async_save("b", std::string(600 * 1024, 'x')));
}

BOOST_AUTO_TEST_CASE(a_folder_that_goes_and_comes_back_costs_only_what_was_asked_between)
{
    const scratch_folder folder;
    const auto s = open_directory(folder / "d");
    run(s->async_save("a/b", "1"));
    fs::rename(folder / "d", folder / "e");
    BOOST_TEST(tells(loading_failure(s, "a/b"), folder / "d/a/b=", ENOENT));
    BOOST_TEST(tells(saving_failure(s, "a/b"), folder / "d/a/b=", ENOENT));
    BOOST_TEST(tells(failure_of([&] { run(s->async_erase("a/b")); }), folder / "d/a/b=", ENOENT));
    BOOST_TEST(tells(failure_of([&] { run(s->async_list("")); }), folder / "d", ENOENT));
    BOOST_TEST(tells(failure_of([&] { run(s->async_lock("a")); }), folder / "d", ENOENT));
    fs::rename(folder / "e", folder / "d");
    BOOST_TEST((run(s->async_load("a/b")) == "1"));
    run(s->async_save("a/b", "2"));
    BOOST_TEST(run(s->async_lock("a")).get() != nullptr);
    // A mount point without its disk is no store that happens to be empty.
    fs::rename(folder / "d", folder / "e");
    fs::create_directory(folder / "d");
    BOOST_TEST(tells(loading_failure(s, "a/b"), folder / "d", errc::foreign_state));
    BOOST_TEST(tells(failure_of([&] { run(s->async_list("")); }), folder / "d", errc::foreign_state));
    BOOST_TEST(fs::is_empty(folder / "d"));
    run(s->async_save("a/b", "3"));
    BOOST_TEST((run(s->async_load("a/b")) == "3"));
}

BOOST_AUTO_TEST_CASE(a_full_or_read_only_disk_costs_only_the_saves_of_that_time)
{
    const scratch_folder folder;
    run_in_child([&] {
        if (!mount_small_disk(folder.path()))
            return 77;
        const auto s = open_directory(folder / "d");
        int saved = 0;
        std::optional<error> e;
        while (saved < 100 && !e) {
            const std::string key = "k" + std::to_string(saved);
            e = failure_of([&] { run(s->async_save(key, std::string(100'000, 'x'))); });
            saved += e ? 0 : 1;
        }
        if (!e || e->code() != boost::system::errc::no_space_on_device || saved < 2)
            return 1;
        if (run(s->async_list("")).size() != static_cast<std::size_t>(saved) || !fs::is_empty(folder / "d/=temporary"))
            return 2;
        run(s->async_erase("k0"));
        run(s->async_save("k1", std::string(100'000, 'y')));
        if (::mount("none", folder.path().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) != 0)
            return 77;
        if (!tells(saving_failure(s, "k1"), folder / "d/k1=", EROFS))
            return 3;
        // What is there can be served from all the same.
        if (run(open_directory(folder / "d")->async_load("k1")) != std::string(100'000, 'y'))
            return 4;
        if (::mount("none", folder.path().c_str(), "tmpfs", MS_REMOUNT, nullptr) != 0)
            return 77;
        run(s->async_save("k1", "z"));
        return 0;
    });
}

BOOST_AUTO_TEST_CASE(leftovers_of_crashes_are_removed_but_not_what_is_in_use)
{
    const scratch_folder folder;
    run(open_directory(folder / "d")->async_save("a", "1"));
    const auto left = folder / "d/=temporary/.object.0123456789abcdef.tmp";
    const auto used = folder / "d/=temporary/.object.0123456789abcde0.tmp";
    write_text(left, "asio-acme");
    write_text(used, "asio-acme");
    const int fd = ::open(used.c_str(), O_RDONLY | O_CLOEXEC);
    ::flock(fd, LOCK_EX);
    const auto s = open_directory(folder / "d");
    BOOST_TEST(!fs::exists(left));
    BOOST_TEST(fs::exists(used));
    ::close(fd);
    BOOST_TEST((run(s->async_load("a")) == "1"));
}

BOOST_AUTO_TEST_CASE(a_process_that_dies_at_any_step_of_a_save_leaves_old_or_new_value)
{
    for (const std::string key : {"a", "new/folders/b"}) {
        int step = 0;
        int old = 0;
        for (bool died = true; died; ++step) {
            const scratch_folder folder;
            const object_folder objects_in(folder / "d");
            objects_in.open();
            objects_in.save("a", "old");
            const pid_t child = ::fork();
            if (child == 0) {
                int calls = 0;
                const system_call_hook hook([&](const std::string&, int) {
                    if (calls++ == step)
                        ::_exit(1);
                    return 0;
                });
                objects_in.save(key, "new");
                ::_exit(0);
            }
            int status = 0;
            BOOST_TEST_REQUIRE(::waitpid(child, &status, 0) == child);
            died = WEXITSTATUS(status) == 1;
            objects_in.open();
            BOOST_TEST(fs::is_empty(folder / "d/=temporary"));
            const auto found = objects_in.load(key);
            const auto before = key == "a" ? std::optional<std::string>("old") : std::nullopt;
            BOOST_TEST((found == before || found == "new"));
            old += found == before ? 1 : 0;
            objects_in.save(key, "newer");
            BOOST_TEST((objects_in.load(key) == "newer"));
        }
        // Up to the renaming, and after it.
        BOOST_TEST(step >= 6);
        BOOST_TEST(step == old + 2);
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
