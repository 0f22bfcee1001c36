#include "protocol/link.hpp"

#include "protocol/url.hpp"

#include <algorithm>
#include <optional>

namespace acme {
namespace {

constexpr std::size_t max_links = 10;
// What is looked at of all fields together.
constexpr std::size_t max_octets = 65'536;

bool is_space(char c) noexcept
{
    return c == ' ' || c == '\t';
}

char lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

void skip_spaces(std::string_view& in) noexcept
{
    while (!in.empty() && is_space(in.front()))
        in.remove_prefix(1);
}

bool skip(std::string_view& in, char c) noexcept
{
    skip_spaces(in);
    if (in.empty() || in.front() != c)
        return false;
    in.remove_prefix(1);
    return true;
}

std::string_view take_token(std::string_view& in) noexcept
{
    skip_spaces(in);
    const auto end = std::min(in.find_first_of(" \t=;,\"<>"), in.size());
    const auto token = in.substr(0, end);
    in.remove_prefix(end);
    return token;
}

/// A quoted-string's text; its opening quote is read already. Empty where it never ends.
std::optional<std::string> take_quoted(std::string_view& in)
{
    std::string text;
    while (!in.empty()) {
        char c = in.front();
        in.remove_prefix(1);
        if (c == '"')
            return text;
        if (c == '\\') {
            if (in.empty())
                return std::nullopt;
            c = in.front();
            in.remove_prefix(1);
        }
        text += c;
    }
    return std::nullopt;
}

struct link_value
{
    std::string_view target;
    std::optional<std::string> rel;
    bool has_anchor = false;
};

/// One parameter after its semicolon; false where it is malformed.
bool take_parameter(std::string_view& in, link_value& link)
{
    const auto name = take_token(in);
    std::string value;
    if (skip(in, '=')) {
        if (skip(in, '"')) {
            auto text = take_quoted(in);
            if (!text)
                return false;
            value = std::move(*text);
        } else {
            value = std::string(take_token(in));
        }
    }
    // RFC 8288 section 3.3: a second rel counts for nothing.
    if (equal_ignoring_case(name, "rel") && !link.rel)
        link.rel = std::move(value);
    else if (equal_ignoring_case(name, "anchor"))
        link.has_anchor = true;
    return true;
}

/// The next link of a field, up to and with its comma. Empty at the end and at the first malformed one, after which
/// nothing can be told apart any more.
std::optional<link_value> take_link(std::string_view& in)
{
    while (skip(in, ','))
        ;
    if (!skip(in, '<'))
        return std::nullopt;
    const auto end = in.find('>');
    if (end == std::string_view::npos)
        return std::nullopt;
    link_value link;
    link.target = in.substr(0, end);
    in.remove_prefix(end + 1);
    while (skip(in, ';'))
        if (!take_parameter(in, link))
            return std::nullopt;
    skip_spaces(in);
    if (!in.empty() && in.front() != ',')
        return std::nullopt;
    return link;
}

bool has_relation(std::string_view relations, std::string_view wanted) noexcept
{
    while (!relations.empty()) {
        const auto end = std::min(relations.find(' '), relations.size());
        if (equal_ignoring_case(relations.substr(0, end), wanted))
            return true;
        relations.remove_prefix(std::min(end + 1, relations.size()));
    }
    return false;
}

} // namespace

std::vector<std::string> links(
    std::span<const std::string> link_headers, std::string_view rel, std::string_view base_url)
{
    std::vector<std::string> found;
    std::size_t left = max_octets;
    for (const std::string& field : link_headers) {
        if (field.size() > left)
            break;
        left -= field.size();
        std::string_view in = field;
        while (found.size() < max_links) {
            const auto link = take_link(in);
            if (!link)
                break;
            if (link->has_anchor || !link->rel || !has_relation(*link->rel, rel))
                continue;
            auto target = resolve(base_url, link->target);
            if (target && std::find(found.begin(), found.end(), *target) == found.end())
                found.push_back(std::move(*target));
        }
    }
    return found;
}

} // namespace acme
