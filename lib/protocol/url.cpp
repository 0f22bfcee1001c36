#include "protocol/url.hpp"

#include <algorithm>
#include <array>

namespace acme {
namespace {

constexpr std::size_t max_length = 2048;
constexpr std::string_view scheme = "https:";

bool is_alphanumeric(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_hexadecimal(char c) noexcept
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

char lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool has_https_scheme(std::string_view url) noexcept
{
    return url.size() >= scheme.size() &&
        std::equal(scheme.begin(), scheme.end(), url.begin(), [](char a, char b) { return a == lower(b); });
}

/// RFC 3986 section 2, without '#': a fragment is not part of a request.
bool has_url_characters_only(std::string_view s) noexcept
{
    constexpr std::string_view marks = "-._~:/?[]@!$&'()*+,;=";
    for (std::size_t i = 0; i < s.size(); ++i) {
        if (s[i] == '%') {
            if (s.size() - i < 3 || !is_hexadecimal(s[i + 1]) || !is_hexadecimal(s[i + 2]))
                return false;
        } else if (!is_alphanumeric(s[i]) && marks.find(s[i]) == std::string_view::npos) {
            return false;
        }
    }
    return true;
}

/// Splits off what comes before the first of `delimiters`.
std::string_view take_until(std::string_view& in, std::string_view delimiters) noexcept
{
    const auto taken = in.substr(0, in.find_first_of(delimiters));
    in.remove_prefix(taken.size());
    return taken;
}

/// Takes the host; empty where there is none.
std::string_view take_host(std::string_view& authority) noexcept
{
    const bool is_literal = authority.starts_with('[');
    auto length = is_literal ? authority.find(']') + 1 : std::min(authority.find(':'), authority.size());
    const auto host = authority.substr(0, length);
    authority.remove_prefix(length);
    const auto inner = is_literal && length > 2 ? host.substr(1, length - 2) : host;
    const bool good = std::all_of(inner.begin(), inner.end(), [&](char c) {
        return is_literal ? is_hexadecimal(c) || c == ':' || c == '.'
                          : is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
    });
    return good ? host : std::string_view();
}

bool is_port(std::string_view s) noexcept
{
    unsigned value = 0;
    for (char c : s) {
        if (c < '0' || c > '9' || value > 65'535)
            return false;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    return s.empty() || (value > 0 && value <= 65'535);
}

bool is_authority(std::string_view s) noexcept
{
    if (take_host(s).empty())
        return false;
    return s.empty() || (s.front() == ':' && is_port(s.substr(1)));
}

/// A hierarchical URL in pieces, which are laid together again to the same text. The base has all that precede its
/// path.
struct pieces
{
    /// "https://ca.example:14000".
    std::string_view origin;
    std::string_view path;
    /// With its '?'.
    std::string_view query;
};

pieces split(std::string_view url) noexcept
{
    pieces p;
    std::string_view rest = url.substr(scheme.size() + 2);
    const auto authority = take_until(rest, "/?");
    p.origin = url.substr(0, scheme.size() + 2 + authority.size());
    p.path = take_until(rest, "?");
    p.query = rest;
    return p;
}

/// RFC 3986 section 5.2.4, for a path that begins with a slash.
std::string without_dot_segments(std::string_view path)
{
    std::string out;
    while (!path.empty()) {
        path.remove_prefix(1);
        const auto segment = take_until(path, "/");
        const bool is_last = path.empty();
        if (segment == "..")
            out.resize(out.empty() ? 0 : out.rfind('/'));
        else if (segment != ".")
            out.append("/").append(segment);
        if (is_last && (segment == "." || segment == ".."))
            out += '/';
    }
    return out;
}

/// Sections 5.2.2 and 5.2.3 for a reference without scheme.
std::string resolved(const pieces& base, std::string_view reference)
{
    if (reference.starts_with("//"))
        return std::string(scheme).append(reference);
    const auto path = take_until(reference, "?");
    const auto query = reference;
    std::string out(base.origin);
    if (path.empty())
        return out.append(base.path).append(query.empty() ? base.query : query);
    std::string whole(path);
    if (!path.starts_with('/')) {
        const auto directory = base.path.substr(0, base.path.rfind('/') + 1);
        whole = std::string(directory.empty() ? "/" : directory).append(path);
    }
    return out.append(without_dot_segments(whole)).append(query);
}

bool has_scheme(std::string_view reference) noexcept
{
    const auto end = reference.find_first_of(":/?");
    return end != std::string_view::npos && reference[end] == ':';
}

} // namespace

bool acceptable_url(std::string_view url)
{
    if (url.size() > max_length || !has_https_scheme(url) || url.substr(scheme.size(), 2) != "//")
        return false;
    std::string_view rest = url.substr(scheme.size() + 2);
    return is_authority(take_until(rest, "/?")) && has_url_characters_only(url);
}

std::optional<std::string> resolve(std::string_view base, std::string_view reference)
{
    if (acceptable_url(reference))
        return std::string(reference);
    if (!acceptable_url(base) || reference.size() > max_length || has_scheme(reference))
        return std::nullopt;
    std::string outcome = resolved(split(base), reference);
    if (!acceptable_url(outcome))
        return std::nullopt;
    return outcome;
}

} // namespace acme
