#include "store/file_access.hpp"

#include <acme/error.hpp>

#include <algorithm>
#include <sys/stat.h>

namespace acme {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_at_once = std::size_t{1} << 20;

std::size_t checked_size(const descriptor& file, std::size_t limit, const file_failure& fail)
{
    struct stat status = {};
    if (::fstat(file.get(), &status) != 0)
        fail.raise(last_error(), "cannot be examined");
    if (S_ISDIR(status.st_mode))
        fail.raise(make_error_code(boost::system::errc::is_a_directory), "it is a folder");
    if (!S_ISREG(status.st_mode))
        fail.raise(errc::foreign_state, "it is not a regular file");
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size > limit)
        fail.raise(errc::foreign_state,
            std::to_string(size) + " octets; saved state is never longer than " + std::to_string(limit));
    return size;
}

} // namespace

void file_failure::raise(boost::system::error_code ec, const std::string& cause) const
{
    throw error(ec, step_, path_.native() + ": " + cause);
}

fs::path absolute_path(const fs::path& path, const file_failure& fail)
{
    if (path.empty() || path.native().find('\0') != std::string::npos)
        fail.raise(make_error_code(boost::system::errc::invalid_argument), "not a path");
    std::error_code ec;
    fs::path absolute = fs::absolute(path, ec);
    if (ec)
        fail.raise(ec, "the current folder is unknown");
    return absolute;
}

descriptor open_folder(const fs::path& folder)
{
    return descriptor(uninterrupted([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
}

descriptor open_folder(const descriptor& parent, const std::string& name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    return descriptor(uninterrupted([&] { return ::openat(parent.get(), name.c_str(), flags); }));
}

void sync_folder(const descriptor& folder, const file_failure& fail)
{
    const bool synced = uninterrupted([&] { return ::fsync(folder.get()); }) == 0;
    // EINVAL: a file system that has no such operation.
    if (!synced && errno != EINVAL)
        fail.raise(last_error(), "its folder cannot be synced to the disk");
}

std::string read_all(const descriptor& file, std::size_t limit, const file_failure& fail)
{
    // One octet more, so that the end is seen without another buffer.
    std::size_t room = checked_size(file, limit, fail) + 1;
    std::string content;
    for (std::size_t size = 0;;) {
        content.resize(size + room);
        const auto count = uninterrupted([&] { return ::read(file.get(), content.data() + size, room); });
        if (count < 0)
            fail.raise(last_error(), "cannot be read");
        size += static_cast<std::size_t>(count);
        if (size > limit)
            fail.raise(errc::foreign_state, "it grows while it is read");
        if (count == 0) {
            content.resize(size);
            return content;
        }
        room -= static_cast<std::size_t>(count);
        if (room == 0)
            room = most_at_once;
    }
}

} // namespace acme
