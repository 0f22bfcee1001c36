#include "store/object.hpp"

#include <acme/error.hpp>

#include <algorithm>

namespace acme {

namespace {

bool is_key_character(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

bool is_valid_part(std::string_view part) noexcept
{
    return !part.empty() && part != "." && part != ".." && std::ranges::all_of(part, is_key_character);
}

// The octets of the sequence that begins `text`; 0 where it is none (RFC 3629 section 4: no overlong form, no
// surrogate).
std::size_t utf8_sequence(std::string_view text) noexcept
{
    const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const auto tail = [&](std::size_t i) { return at(i) >= 0x80 && at(i) <= 0xBF; };
    const unsigned first = at(0);
    const unsigned second = at(1);
    if (first <= 0x7F)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        return tail(1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        const bool excluded = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F);
        return tail(1) && tail(2) && !excluded ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        const bool excluded = (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
        return tail(1) && tail(2) && tail(3) && !excluded ? 4 : 0;
    }
    return 0;
}

[[noreturn]] void refuse(const std::string& reason)
{
    throw error(make_error_code(boost::system::errc::invalid_argument), "use of the store", reason);
}

} // namespace

bool is_valid_key(std::string_view key) noexcept
{
    if (key.size() > max_key_size)
        return false;
    for (;;) {
        const std::size_t slash = key.find('/');
        if (!is_valid_part(key.substr(0, slash)))
            return false;
        if (slash == std::string_view::npos)
            return true;
        key.remove_prefix(slash + 1);
    }
}

bool is_valid_value(std::string_view value) noexcept
{
    if (value.size() > max_value_size)
        return false;
    while (!value.empty()) {
        const std::size_t length = utf8_sequence(value);
        if (length == 0)
            return false;
        value.remove_prefix(length);
    }
    return true;
}

void check_key(std::string_view key)
{
    if (!is_valid_key(key))
        refuse("not a key: a-z 0-9 . _ - in parts separated by /, at most 512 octets");
}

void check_object(std::string_view key, std::string_view value)
{
    check_key(key);
    if (value.size() > max_value_size)
        refuse("the value of " + std::string(key) + " exceeds 1 MiB");
    if (!is_valid_value(value))
        refuse("the value of " + std::string(key) + " is not UTF-8 text");
}

std::optional<std::string> find_value(const objects& all, std::string_view key)
{
    const auto found = all.find(key);
    return found == all.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> keys_with_prefix(const objects& all, std::string_view prefix)
{
    std::vector<std::string> keys;
    for (auto i = all.lower_bound(prefix); i != all.end() && i->first.starts_with(prefix); ++i)
        keys.push_back(i->first);
    return keys;
}

} // namespace acme
