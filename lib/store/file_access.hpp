#pragma once

#include "store/descriptor.hpp"

#include <boost/system/error_code.hpp>

#include <cstddef>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace acme {

/// What is said where a step fails with a file or folder: throws `acme::error` with the path and the cause.
class file_failure
{
public:
    file_failure(const char* step, std::filesystem::path path)
        : step_(step)
        , path_(std::move(path))
    {}

    [[noreturn]] void raise(boost::system::error_code ec, const std::string& cause) const;

private:
    const char* step_;
    std::filesystem::path path_;
};

/// Throws where `path` can't be one. A relative one counts from the folder that is current now.
std::filesystem::path absolute_path(const std::filesystem::path& path, const file_failure& fail);

/// Both leave the cause in errno. The second does not follow a symbolic link.
descriptor open_folder(const std::filesystem::path& folder);
descriptor open_folder(const descriptor& parent, const std::string& name);

/// On return, what was changed in the folder is on the disk.
void sync_folder(const descriptor& folder, const file_failure& fail);

/// The whole content of a regular file. `errc::foreign_state` for what is longer than `limit` or not a regular file.
std::string read_all(const descriptor& file, std::size_t limit, const file_failure& fail);

/// Calls `each(const dirent&)` for all but "." and "..".
template <class Each>
boost::system::error_code for_each_entry(const descriptor& folder, Each each)
{
    const int fd = uninterrupted([&] { return ::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0)
        return last_error();
    const auto close = [](DIR* d) { ::closedir(d); };
    const std::unique_ptr<DIR, decltype(close)> entries(::fdopendir(fd), close);
    if (!entries) {
        const auto ec = last_error();
        ::close(fd);
        return ec;
    }
    for (errno = 0; const dirent* entry = ::readdir(entries.get()); errno = 0) {
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..")
            each(*entry);
    }
    return last_error();
}

} // namespace acme
