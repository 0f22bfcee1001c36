#include "protocol/printable.hpp"

#include <cstdint>

namespace acme {
namespace {

constexpr std::string_view ellipsis = "...";

struct character
{
    char32_t code;
    /// 0 where the octets are not UTF-8.
    std::size_t length;
};

std::size_t announced_length(unsigned char lead) noexcept
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead < 0xE0)
        return 2;
    if (lead >= 0xE0 && lead < 0xF0)
        return 3;
    if (lead >= 0xF0 && lead < 0xF5)
        return 4;
    return 0;
}

character first_character(std::string_view s) noexcept
{
    const auto lead = static_cast<unsigned char>(s[0]);
    const std::size_t length = announced_length(lead);
    if (length == 0 || length > s.size())
        return {0, 0};
    char32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        const auto c = static_cast<unsigned char>(s[i]);
        if ((c & 0xC0U) != 0x80)
            return {0, 0};
        code = (code << 6) | (c & 0x3FU);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (overlong || surrogate || code > 0x10FFFF)
        return {0, 0};
    return {code, length};
}

bool misleads(char32_t c) noexcept
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xAD || c == 0x61C || (c >= 0x200B && c <= 0x200F) ||
        (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
        (c >= 0xE0000 && c <= 0xE0FFF);
}

bool is_break(char32_t c) noexcept
{
    return c == '\n' || c == '\r' || c == '\t';
}

} // namespace

std::string printable(std::string_view text, std::size_t limit)
{
    std::string out;
    // Where to cut if the text turns out to be too long.
    std::size_t cut = 0;
    while (!text.empty()) {
        const character c = first_character(text);
        std::string_view piece = text.substr(0, c.length);
        if (c.length == 0 || (misleads(c.code) && !is_break(c.code)))
            piece = "?";
        else if (is_break(c.code))
            piece = " ";
        text.remove_prefix(c.length == 0 ? 1 : c.length);
        if (out.size() + piece.size() > limit) {
            out.resize(cut);
            return limit < ellipsis.size() ? out : out.append(ellipsis);
        }
        out += piece;
        if (limit < ellipsis.size() || out.size() + ellipsis.size() <= limit)
            cut = out.size();
    }
    return out;
}

} // namespace acme
