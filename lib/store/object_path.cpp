#include "store/object_path.hpp"

#include "store/object.hpp"

namespace acme {

namespace {

// File names end at 255 octets; one each is for the "=" ahead and the "=" behind.
constexpr std::size_t longest_piece = 250;

} // namespace

object_path::object_path(std::string_view key)
{
    for (bool last = false; !last;) {
        const auto slash = key.find('/');
        std::string_view part = key.substr(0, slash);
        last = slash == key.npos;
        key.remove_prefix(last ? key.size() : slash + 1);
        folders.emplace_back(part.substr(0, longest_piece));
        while (part.size() > longest_piece) {
            part.remove_prefix(longest_piece);
            folders.push_back("=" + std::string(part.substr(0, longest_piece)));
        }
    }
    file = folders.back() + "=";
    folders.pop_back();
}

std::filesystem::path object_path::under(std::filesystem::path root) const
{
    for (const auto& each : folders)
        root /= each;
    return root / file;
}

std::optional<std::string> object_place::key_of(std::string_view file) const
{
    return file.ends_with('=') ? extended(file.substr(0, file.size() - 1)) : std::nullopt;
}

std::optional<object_place> object_place::enter(std::string_view folder) const
{
    auto text = extended(folder);
    if (!text)
        return std::nullopt;
    object_place inside;
    inside.text_ = std::move(*text);
    inside.length_ = folder.size() - (folder.starts_with('=') ? 1 : 0);
    return inside;
}

std::optional<std::string> object_place::extended(std::string_view piece) const
{
    const bool goes_on = piece.starts_with('=');
    if (goes_on)
        piece.remove_prefix(1);
    if (piece.empty() || piece.size() > longest_piece || (goes_on && length_ != longest_piece))
        return std::nullopt;
    std::string text;
    text.reserve(text_.size() + 1 + piece.size());
    text += text_;
    if (!goes_on && !text_.empty())
        text += '/';
    text += piece;
    return is_valid_key(text) ? std::make_optional(std::move(text)) : std::nullopt;
}

} // namespace acme
