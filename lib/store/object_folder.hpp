#pragma once

#include "store/descriptor.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace acme {

class file_failure;
class object_place;
struct object_path;

/// A folder with a file for each object, each an archive of that one object. It is found by its path each time, so that
/// one which went and came back is used again. All calls block, take valid keys, and throw `acme::error` with the path
/// and the cause. Any number of threads and processes may use a folder at once.
class object_folder
{
public:
    /// A relative path counts from the folder that is current now.
    explicit object_folder(const std::filesystem::path& path);

    const std::filesystem::path& path() const noexcept { return path_; }

    /// Makes the folder where it is absent, and removes what crashes left in it.
    void open() const;

    std::optional<std::string> load(std::string_view key) const;
    void save(std::string_view key, std::string_view value) const;
    /// Whether it was there.
    bool erase(std::string_view key) const;
    /// Sorted.
    std::vector<std::string> list(std::string_view prefix) const;

    /// Does not wait: empty where somebody else holds the lock. It is held until the descriptor ends.
    descriptor try_lock(std::string_view name) const;

private:
    descriptor open_root(const file_failure& fail, bool may_begin) const;
    void gather(const descriptor& folder, const object_place& place, const std::filesystem::path& path,
        std::string_view prefix, std::vector<std::string>& keys) const;

    std::filesystem::path path_;
};

} // namespace acme
