#include "store/durable_file.hpp"

#include "store/scratch.hpp"
#include "store/system_calls.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace acme::test {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t limit = 1 << 20;

const std::vector<std::string> only_the_file = {"f"};

std::string said(const std::optional<error>& e)
{
    return e ? e->what() : "nothing was thrown";
}

bool is_folder(int descriptor)
{
    struct stat status = {};
    return ::fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode);
}

} // namespace

BOOST_AUTO_TEST_SUITE(durable)

BOOST_AUTO_TEST_CASE(what_was_written_is_read)
{
    const scratch_folder folder;
    const durable_file file(folder / "f");
    BOOST_TEST(!file.read(limit).has_value());
    for (const std::string& content : {std::string("one"), std::string(), std::string(limit, 'x')}) {
        file.write(content);
        BOOST_TEST((file.read(limit) == content));
    }
    BOOST_TEST(folder.names() == only_the_file, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_mode_is_0600_whatever_it_was_and_whatever_the_umask)
{
    for (const mode_t mask : {0U, 022U, 0777U}) {
        const scratch_folder folder;
        const mode_t before = ::umask(mask);
        const durable_file file(folder / "f");
        file.write("one");
        const unsigned created = mode_of(folder / "f");
        ::chmod((folder / "f").c_str(), 0644);
        file.write("two");
        ::umask(before);
        BOOST_TEST(created == 0600U);
        BOOST_TEST(mode_of(folder / "f") == 0600U);
    }
}

BOOST_AUTO_TEST_CASE(the_file_is_synced_before_it_is_renamed_and_its_folder_after)
{
    const scratch_folder folder;
    const durable_file file(folder / "f");
    std::vector<std::string> calls;
    {
        const system_call_hook hook([&](const std::string& call, int descriptor) {
            calls.push_back(call + (call == "fsync" && is_folder(descriptor) ? " folder" : ""));
            return 0;
        });
        file.write("content");
    }
    const std::vector<std::string> expected = {"fchmod", "write", "fsync", "renameat", "fsync folder"};
    BOOST_TEST(calls == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_failing_call_leaves_the_old_content_and_no_temporary_file)
{
    const std::vector<std::pair<std::string, std::vector<int>>> faults = {{"fchmod", {EPERM}},
        {"write", {ENOSPC, EDQUOT, EIO, EFBIG}}, {"fsync", {EIO, ENOSPC}}, {"renameat", {EACCES, EXDEV, EROFS}}};
    for (const auto& [name, codes] : faults) {
        for (const int code : codes) {
            const scratch_folder folder;
            const durable_file file(folder / "f");
            file.write("old");
            std::optional<error> e;
            {
                const system_call_hook hook(
                    [&, failing = name](const std::string& call, int) { return call == failing ? code : 0; });
                e = failure_of([&] { file.write("new"); });
            }
            BOOST_TEST_REQUIRE(e.has_value(), name);
            BOOST_TEST((e->code() == boost::system::error_code(code, boost::system::system_category())), said(e));
            BOOST_TEST(said(e).find((folder / "f").native()) != std::string::npos, said(e));
            BOOST_TEST((file.read(limit) == "old"), name);
            BOOST_TEST(folder.names() == only_the_file, boost::test_tools::per_element());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_synced_is_a_failure_but_one_without_that_operation_is_not)
{
    const scratch_folder folder;
    const durable_file file(folder / "f");
    int code = EIO;
    const system_call_hook hook(
        [&](const std::string& call, int descriptor) { return call == "fsync" && is_folder(descriptor) ? code : 0; });
    const auto e = failure_of([&] { file.write("new"); });
    BOOST_TEST_REQUIRE(e.has_value());
    BOOST_TEST((e->code() == boost::system::errc::io_error));
    code = EINVAL;
    BOOST_TEST(!failure_of([&] { file.write("newer"); }).has_value());
}

BOOST_AUTO_TEST_CASE(short_and_interrupted_writes_are_carried_on)
{
    const scratch_folder folder;
    const durable_file file(folder / "f");
    const std::string content(1000, 'x');
    int calls = 0;
    {
        const system_call_hook hook([&](const std::string& call, int) {
            return (call == "write" || call == "fsync") && ++calls % 3 ? EINTR : 0;
        });
        system_call_hook::limit_writes(7);
        file.write(content);
    }
    BOOST_TEST((file.read(limit) == content));
    BOOST_TEST(calls > 3 * 1000 / 7);
}

BOOST_AUTO_TEST_CASE(a_process_that_dies_at_any_step_leaves_old_or_new_content)
{
    const scratch_folder folder;
    const durable_file file(folder / "f");
    file.write("old");
    int step = 0;
    for (bool died = true; died; ++step) {
        const pid_t child = ::fork();
        if (child == 0) {
            int calls = 0;
            const system_call_hook hook([&](const std::string&, int) {
                if (calls++ == step)
                    ::_exit(1);
                return 0;
            });
            system_call_hook::limit_writes(1);
            file.write("new");
            ::_exit(0);
        }
        int status = 0;
        BOOST_TEST_REQUIRE(::waitpid(child, &status, 0) == child);
        died = WEXITSTATUS(status) == 1;
        // fchmod, three writes and the sync come before the renaming, which is call 5.
        BOOST_TEST((file.read(limit) == (step <= 5 ? "old" : "new")), step);
        BOOST_TEST(folder.names().size() == (step <= 5 ? 2U : 1U), step);
        file.remove_leftovers();
        BOOST_TEST(folder.names() == only_the_file, boost::test_tools::per_element());
        file.write("old");
    }
    BOOST_TEST(step == 8);
}

BOOST_AUTO_TEST_CASE(only_unused_files_with_exactly_our_names_are_leftovers)
{
    const scratch_folder folder;
    const std::vector<std::string> others = {".f.0123456789abcdef.tmp~", ".f.0123456789abcde.tmp",
        ".f.0123456789abcdef0.tmp", ".f.0123456789ABCDEF.tmp", ".g.0123456789abcdef.tmp", ".f.0123456789abcdef", "f",
        "f.0123456789abcdef.tmp", ".f.tmp", ".ff.0123456789abcdef.tmp", ".f.0123456789abcd/f.tmp"};
    fs::create_directory(folder / ".f.0123456789abcd");
    for (const auto& name : others)
        write_text(folder.path() / name, "");
    write_text(folder / ".f.0000000000000001.tmp", "");
    write_text(folder / ".f.0000000000000002.tmp", "in use");
    fs::create_directory(folder / ".f.0000000000000003.tmp");
    fs::create_symlink("f", folder / ".f.0000000000000004.tmp");
    ::mkfifo((folder / ".f.0000000000000005.tmp").c_str(), 0600);
    const int used = ::open((folder / ".f.0000000000000002.tmp").c_str(), O_RDONLY);
    ::flock(used, LOCK_EX);

    const durable_file file(folder / "f");
    file.remove_leftovers();
    BOOST_TEST(!fs::exists(folder / ".f.0000000000000001.tmp"));
    for (const auto& name : others)
        BOOST_TEST(fs::exists(folder.path() / name), name);
    for (const char* name :
        {".f.0000000000000002.tmp", ".f.0000000000000003.tmp", ".f.0000000000000004.tmp", ".f.0000000000000005.tmp"})
        BOOST_TEST(fs::exists(fs::symlink_status(folder / name)), name);
    ::close(used);
    file.remove_leftovers();
    BOOST_TEST(!fs::exists(folder / ".f.0000000000000002.tmp"));
}

BOOST_AUTO_TEST_CASE(cleaning_up_at_any_moment_does_not_disturb_a_writer)
{
    const scratch_folder folder;
    const durable_file file(folder / "f");
    for (int moment = 0; moment < 5; ++moment) {
        // At the first call the temporary file is not yet in use: the writer loses it, and takes another one.
        int calls = 0;
        const system_call_hook hook([&](const std::string&, int) {
            if (calls++ == moment)
                file.remove_leftovers();
            return 0;
        });
        const std::string content = std::to_string(moment);
        file.write(content);
        BOOST_TEST(calls == (moment == 0 ? 6 : 5));
        BOOST_TEST((file.read(limit) == content));
    }
    BOOST_TEST(folder.names() == only_the_file, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_symbolic_link_stays_and_the_file_behind_it_is_replaced)
{
    const scratch_folder folder;
    fs::create_directory(folder / "real");
    fs::create_symlink("real/second", folder / "f");
    fs::create_symlink("file", folder / "real/second");
    const durable_file file(folder / "f");
    BOOST_TEST(!file.read(limit).has_value());
    for (const std::string content : {"one", "two"}) {
        file.write(content);
        BOOST_TEST(fs::is_symlink(folder / "f"));
        BOOST_TEST(fs::is_symlink(folder / "real/second"));
        BOOST_TEST(!fs::is_symlink(folder / "real/file"));
        BOOST_TEST(read_text(folder / "real/file") == content);
        BOOST_TEST((file.read(limit) == content));
    }
    fs::create_symlink("ring", folder / "ring");
    BOOST_TEST((failure_of([&] { durable_file(folder / "ring").write("x"); })->code() ==
        boost::system::errc::too_many_symbolic_link_levels));
}

BOOST_AUTO_TEST_CASE(a_relative_path_is_of_the_folder_that_was_current_first)
{
    const scratch_folder folder;
    const fs::path before = fs::current_path();
    fs::current_path(folder.path());
    const durable_file file("f");
    fs::current_path(before);
    file.write("x");
    BOOST_TEST(folder.names() == only_the_file, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_name_as_long_as_the_system_allows_is_fine)
{
    const scratch_folder folder;
    const durable_file file(folder.path() / std::string(255, 'n'));
    file.write("x");
    BOOST_TEST((file.read(limit) == "x"));
}

BOOST_AUTO_TEST_CASE(what_is_no_file_of_ours_is_refused_without_waiting)
{
    const scratch_folder folder;
    fs::create_directory(folder / "folder");
    ::mkfifo((folder / "fifo").c_str(), 0600);
    write_text(folder / "large", std::string(11, 'x'));
    write_text(folder / "plain", "");

    const auto code = [&](const fs::path& path) {
        const auto e = failure_of([&] { durable_file(path).read(10); });
        BOOST_TEST(said(e).find(path.native()) != std::string::npos, said(e));
        return e ? e->code() : boost::system::error_code();
    };
    BOOST_TEST((code(folder / "folder") == boost::system::errc::is_a_directory));
    BOOST_TEST((code(folder / "fifo") == errc::foreign_state));
    BOOST_TEST((code("/dev/zero") == errc::foreign_state));
    BOOST_TEST((code(folder / "large") == errc::foreign_state));
    BOOST_TEST((code(folder / "absent/f") == boost::system::errc::no_such_file_or_directory));
    BOOST_TEST((code(folder / "plain/f") == boost::system::errc::not_a_directory));
    BOOST_TEST((code(folder / "folder/") == boost::system::errc::invalid_argument));
    BOOST_TEST((code(folder.path() / std::string(300, 'n')) == boost::system::errc::filename_too_long));
    BOOST_TEST((failure_of([] { durable_file(""); })->code() == boost::system::errc::invalid_argument));
    BOOST_TEST(
        (failure_of([] { durable_file(std::string("a\0b", 3)); })->code() == boost::system::errc::invalid_argument));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
