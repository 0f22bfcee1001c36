#include "store/durable_file.hpp"

#include "store/file_access.hpp"
#include "store/temporary_file.hpp"

#include <acme/error.hpp>

#include <chrono>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>

namespace acme {

namespace {

namespace fs = std::filesystem;

constexpr int max_links = 40;

// The file behind a symbolic link, which need not exist. Folders on the way need no resolving.
fs::path behind_links(fs::path path, const file_failure& fail)
{
    for (int links = 0; links < max_links; ++links) {
        std::error_code ec;
        const fs::path link = fs::read_symlink(path, ec);
        if (ec)
            return path;
        path = path.parent_path() / link;
    }
    fail.raise(make_error_code(boost::system::errc::too_many_symbolic_link_levels), "it is a ring of symbolic links");
}

} // namespace

durable_file::durable_file(const fs::path& path)
    : path_(path)
{
    const file_failure fail("opening the state file", path);
    if (path.filename().empty())
        fail.raise(make_error_code(boost::system::errc::invalid_argument), "not the path of a file");
    path_ = absolute_path(path, fail);
}

std::optional<std::string> durable_file::read(std::size_t limit) const
{
    const file_failure fail("reading the state file", path_);
    const fs::path target = behind_links(path_, fail);
    // O_NONBLOCK: a FIFO must not hold the thread.
    const descriptor file(
        uninterrupted([&] { return ::open(target.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC); }));
    if (!file && errno == ENOENT) {
        if (!open_folder(target.parent_path()))
            fail.raise(last_error(), "its folder cannot be opened");
        return std::nullopt;
    }
    if (!file)
        fail.raise(last_error(), "cannot be opened");
    return read_all(file, limit, fail);
}

void durable_file::write(std::string_view content) const
{
    const file_failure fail("writing the state file", path_);
    const fs::path target = behind_links(path_, fail);
    const descriptor folder = open_folder(target.parent_path());
    if (!folder)
        fail.raise(last_error(), "its folder cannot be opened");
    auto file = temporary_file::create(folder, target.filename().native());
    if (!file)
        fail.raise(file.error(), "a temporary file beside it cannot be created");
    if (const auto ec = file->write(content))
        fail.raise(ec, "a temporary file beside it cannot be written");
    if (const auto ec = file->rename(folder, target.filename().native()))
        fail.raise(ec, "cannot be replaced");
    sync_folder(folder, fail);
}

std::optional<file_version> durable_file::version() const noexcept
{
    struct stat status = {};
    if (::stat(path_.c_str(), &status) != 0)
        return std::nullopt;
    file_version v;
    v.device = status.st_dev;
    v.inode = status.st_ino;
    v.size = status.st_size;
    v.modified_seconds = status.st_mtim.tv_sec;
    v.modified_nanoseconds = status.st_mtim.tv_nsec;
    return v;
}

descriptor durable_file::take_turn() const
{
    constexpr auto pause = std::chrono::milliseconds(10);
    constexpr int most_attempts = 1'000;
    const file_failure fail("writing the state file", path_);
    descriptor folder = open_folder(behind_links(path_, fail).parent_path());
    if (!folder)
        fail.raise(last_error(), "its folder cannot be opened");
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
        if (uninterrupted([&] { return ::flock(folder.get(), LOCK_EX | LOCK_NB); }) == 0 || errno != EWOULDBLOCK)
            return folder;
        std::this_thread::sleep_for(pause);
    }
    fail.raise(make_error_code(boost::system::errc::timed_out), "another process keeps its folder locked");
}

void durable_file::remove_leftovers() const noexcept
try {
    const file_failure fail("cleaning up beside the state file", path_);
    const fs::path target = behind_links(path_, fail);
    const descriptor folder = open_folder(target.parent_path());
    if (folder)
        temporary_file::remove_leftovers(folder, target.filename().native());
} catch (const std::exception&) {
    // What is left harms nobody.
}

} // namespace acme
