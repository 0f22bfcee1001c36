#include "protocol/host_name.hpp"

#include "protocol/punycode.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace acme {
namespace {

constexpr std::size_t max_octets = 253;
constexpr std::size_t max_label = 63;
// Let's Encrypt's limit.
constexpr std::size_t max_labels = 10;

constexpr std::string_view ip_address = "an IP address is not a host name";

char lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

bool is_letter_digit_hyphen(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-';
}

/// The labels of a name, which is not copied.
struct label_list
{
    std::array<std::string_view, max_labels> at;
    std::size_t count = 0;

    std::string_view last() const noexcept { return at[count - 1]; }
};

/// False where there are too many.
bool split(std::string_view name, label_list& labels) noexcept
{
    for (;;) {
        if (labels.count == max_labels)
            return false;
        const auto dot = name.find('.');
        labels.at[labels.count++] = name.substr(0, dot);
        if (dot == std::string_view::npos)
            return true;
        name.remove_prefix(dot + 1);
    }
}

/// Whether resolvers take a name that ends in this label for an IPv4 address (decimal, octal or hexadecimal).
bool is_number(std::string_view label) noexcept
{
    if (std::all_of(label.begin(), label.end(), is_digit))
        return true;
    return label.starts_with("0x") &&
        std::all_of(label.begin() + 2, label.end(), [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

std::string_view label_fault(std::string_view label) noexcept
{
    if (label.empty())
        return "a label is empty";
    if (label.size() > max_label)
        return "a label is longer than 63 octets";
    if (label.front() == '-' || label.back() == '-')
        return "a label begins or ends with a hyphen";
    if (label.size() >= 4 && label.substr(2, 2) == "--" && !label.starts_with("xn--"))
        return "a label has two hyphens where only \"xn--\" may have them";
    if (label.starts_with("xn--") && !is_punycode(label.substr(4)))
        return "an internationalized label does not decode";
    return {};
}

/// Names such as www.www.example.com come from clients that follow a wildcard record in circles; CAs refuse them.
bool repeats_itself(const label_list& labels) noexcept
{
    constexpr std::array<std::string_view, 8> usual{
        "www", "mail", "webmail", "ftp", "api", "cpanel", "autodiscover", "autoconfig"};
    if (labels.count < 4)
        return false;
    for (std::size_t i = 1; i < labels.count; ++i) {
        const std::string_view label = labels.at[i];
        if (label != labels.at[i - 1])
            continue;
        if (std::find(usual.begin(), usual.end(), label) != usual.end() || (i > 1 && label == labels.at[i - 2]))
            return true;
    }
    return false;
}

/// What the characters alone tell; `name` is in lower case.
std::string_view character_fault(std::string_view name) noexcept
{
    const auto bad =
        std::find_if_not(name.begin(), name.end(), [](char c) { return c == '.' || is_letter_digit_hyphen(c); });
    if (bad == name.end())
        return {};
    if (*bad == '*')
        return "a wildcard is not a host name";
    if (*bad == ':' || *bad == '[')
        return ip_address;
    return "a character is none of a-z, 0-9, hyphen and dot";
}

/// Empty for a good name, which is in lower case and without its final dot.
std::string_view fault(std::string_view name) noexcept
{
    if (name.empty())
        return "the name is empty";
    if (const auto f = character_fault(name); !f.empty())
        return f;
    label_list labels;
    if (!split(name, labels))
        return "the name has more than 10 labels";
    for (std::size_t i = 0; i < labels.count; ++i)
        if (const auto f = label_fault(labels.at[i]); !f.empty())
            return f;
    if (is_number(labels.last()))
        return ip_address;
    if (labels.count < 2)
        return "the name has a single label";
    if (labels.last() == "arpa" || labels.last() == "onion")
        return "no public CA issues for .arpa and .onion names";
    if (repeats_itself(labels))
        return "the name repeats itself";
    return {};
}

} // namespace

parsed<std::string> normalize_host_name(std::string_view name)
{
    if (name.ends_with('.'))
        name.remove_suffix(1);
    if (name.size() > max_octets)
        return parsed<std::string>::refused("the name is longer than 253 octets");
    std::array<char, max_octets> buffer{};
    std::transform(name.begin(), name.end(), buffer.begin(), lower);
    const std::string_view lowered(buffer.data(), name.size());
    if (const auto f = fault(lowered); !f.empty())
        return parsed<std::string>::refused(std::string(f));
    return std::string(lowered);
}

} // namespace acme
