#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace acme {

/// Where the object of a key is in a folder: key "a/b" is file "b=" in folder "a". No character of a key is "=", so a
/// key may be both an object and the beginning of others. A part that is too long for a file's name is cut into pieces,
/// each below the one before and with a "=" ahead of it; so none of them is ever "." or "..".
struct object_path
{
    explicit object_path(std::string_view key);

    std::filesystem::path under(std::filesystem::path root) const;

    std::vector<std::string> folders;
    std::string file;
};

/// The opposite, a name at a time: where a walk through the folders has come to.
class object_place
{
public:
    /// The root.
    object_place() = default;

    /// The key of the file of that name here; nothing where no object has it.
    std::optional<std::string> key_of(std::string_view file) const;
    /// Nothing where no object is in a folder of that name.
    std::optional<object_place> enter(std::string_view folder) const;

    /// What the keys of the objects here begin with, but for a slash.
    const std::string& text() const noexcept { return text_; }

private:
    std::optional<std::string> extended(std::string_view piece) const;

    std::string text_;
    // Of the last piece: after a whole one the part may go on.
    std::size_t length_ = 0;
};

} // namespace acme
