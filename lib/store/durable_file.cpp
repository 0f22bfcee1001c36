#include "store/durable_file.hpp"

#include "store/descriptor.hpp"
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
constexpr std::size_t read_size = std::size_t{1} << 20;

class failure
{
public:
    failure(const char* step, fs::path path)
        : step_(step)
        , path_(std::move(path))
    {}

    [[noreturn]] void raise(boost::system::error_code ec, const std::string& cause) const
    {
        throw error(ec, step_, path_.native() + ": " + cause);
    }

private:
    const char* step_;
    fs::path path_;
};

// The file behind a symbolic link, which need not exist. Folders on the way need no resolving.
fs::path behind_links(fs::path path, const failure& fail)
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

descriptor open_folder(const fs::path& folder)
{
    return descriptor(uninterrupted([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
}

void sync_folder(const descriptor& folder, const failure& fail)
{
    const bool synced = uninterrupted([&] { return ::fsync(folder.get()); }) == 0;
    // EINVAL: a file system that has no such operation.
    if (!synced && errno != EINVAL)
        fail.raise(last_error(), "its folder cannot be synced to the disk");
}

void check_regular(const descriptor& file, std::size_t limit, const failure& fail)
{
    struct stat status = {};
    if (::fstat(file.get(), &status) != 0)
        fail.raise(last_error(), "cannot be examined");
    if (S_ISDIR(status.st_mode))
        fail.raise(make_error_code(boost::system::errc::is_a_directory), "it is a folder");
    if (!S_ISREG(status.st_mode))
        fail.raise(errc::foreign_state, "it is not a regular file");
    if (static_cast<std::size_t>(status.st_size) > limit)
        fail.raise(errc::foreign_state,
            std::to_string(status.st_size) + " octets; saved state is never longer than " + std::to_string(limit));
}

std::string read_all(const descriptor& file, std::size_t limit, const failure& fail)
{
    std::string content;
    for (;;) {
        const std::size_t size = content.size();
        if (size > limit)
            fail.raise(errc::foreign_state, "it grows while it is read");
        content.resize(size + read_size);
        const auto count = uninterrupted([&] { return ::read(file.get(), content.data() + size, read_size); });
        if (count < 0)
            fail.raise(last_error(), "cannot be read");
        content.resize(size + static_cast<std::size_t>(count));
        if (count == 0)
            return content;
    }
}

} // namespace

durable_file::durable_file(const fs::path& path)
    : path_(path)
{
    const failure fail("opening the state file", path);
    if (path.native().find('\0') != std::string::npos || path.filename().empty())
        fail.raise(make_error_code(boost::system::errc::invalid_argument), "not the path of a file");
    std::error_code ec;
    path_ = fs::absolute(path, ec);
    if (ec)
        fail.raise(ec, "the current folder is unknown");
}

std::optional<std::string> durable_file::read(std::size_t limit) const
{
    const failure fail("reading the state file", path_);
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
    check_regular(file, limit, fail);
    return read_all(file, limit, fail);
}

void durable_file::write(std::string_view content) const
{
    const failure fail("writing the state file", path_);
    const fs::path target = behind_links(path_, fail);
    const descriptor folder = open_folder(target.parent_path());
    if (!folder)
        fail.raise(last_error(), "its folder cannot be opened");
    auto file = temporary_file::create(folder, target.filename().native());
    if (!file)
        fail.raise(file.error(), "a temporary file beside it cannot be created");
    if (const auto ec = file->write(content))
        fail.raise(ec, "a temporary file beside it cannot be written");
    if (const auto ec = file->rename())
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
    const failure fail("writing the state file", path_);
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
    const failure fail("cleaning up beside the state file", path_);
    const fs::path target = behind_links(path_, fail);
    const descriptor folder = open_folder(target.parent_path());
    if (folder)
        temporary_file::remove_leftovers(folder, target.filename().native());
} catch (const std::exception&) {
    // What is left harms nobody.
}

} // namespace acme
