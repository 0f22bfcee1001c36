#pragma once

#include "store/descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace acme {

/// Which content a file has, without reading it: another one after each `durable_file::write`, by whomever.
struct file_version
{
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified_seconds = 0;
    std::int64_t modified_nanoseconds = 0;

    friend bool operator==(const file_version&, const file_version&) = default;
};

/// A file that is replaced whole: at any moment its name leads to the old content or to the new one. All calls block.
class durable_file
{
public:
    /// A relative path counts from the folder that is current now. Throws `acme::error`.
    explicit durable_file(const std::filesystem::path& path);

    const std::filesystem::path& path() const noexcept { return path_; }

    /// The content; nothing where there is no such file. Throws `acme::error`: the system's error with the path, and
    /// `errc::foreign_state` for what is longer than `limit` or not a regular file.
    std::optional<std::string> read(std::size_t limit) const;

    /// On return the content is on the disk. Throws `acme::error` with the path and the system's error; the file is
    /// then the old one, or the new one where only the last step failed. The mode becomes 0600. Where the path is a
    /// symbolic link, the link stays and the file behind it is replaced.
    void write(std::string_view content) const;

    /// Nothing where there is no such file, or none that can be looked at.
    std::optional<file_version> version() const noexcept;

    /// A turn among all who change files of this folder this way, until the descriptor ends; empty on a file system
    /// without locks. Throws `acme::error` (timed_out) where another holds it for 10 seconds.
    descriptor take_turn() const;

    /// Removes what crashes during `write` left beside the file.
    void remove_leftovers() const noexcept;

private:
    std::filesystem::path path_;
};

} // namespace acme
