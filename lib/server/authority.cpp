#include "server/authority.hpp"

#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>

#include <algorithm>

namespace acme {
namespace {

namespace ip = boost::asio::ip;

bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

bool is_port(std::string_view text) noexcept
{
    if (text.size() > 5 || !std::all_of(text.begin(), text.end(), is_digit))
        return false;
    unsigned number = 0;
    for (char c : text)
        number = number * 10 + static_cast<unsigned>(c - '0');
    return number <= 65535;
}

bool is_label(std::string_view label) noexcept
{
    // No host name has underscores (RFC 952), but names under wildcards do.
    auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_'; };
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
        std::all_of(label.begin(), label.end(), allowed);
}

bool is_dns_name(std::string_view name) noexcept
{
    if (name.size() > 253)
        return false;
    for (;;) {
        auto dot = name.find('.');
        if (!is_label(name.substr(0, dot)))
            return false;
        if (dot == name.npos)
            return true;
        name.remove_prefix(dot + 1);
    }
}

// Browsers read a name whose last label is a number as an IPv4 address, in many spellings; only the usual one passes.
std::optional<std::string> name_or_ipv4(std::string_view text)
{
    std::string name(text);
    for (char& c : name)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    if (name.ends_with('.'))
        name.pop_back();
    if (!is_dns_name(name))
        return std::nullopt;
    auto last = std::string_view(name).substr(name.rfind('.') + 1);
    if (!is_digit(last.front()))
        return name;
    boost::system::error_code ec;
    auto address = ip::make_address_v4(name, ec);
    if (ec)
        return std::nullopt;
    return address.to_string();
}

std::optional<std::string> bracketed(std::string_view text)
{
    if (text.size() > 45 || text.find('%') != text.npos)
        return std::nullopt;
    boost::system::error_code ec;
    auto address = ip::make_address_v6(std::string(text), ec);
    if (ec)
        return std::nullopt;
    return "[" + address.to_string() + "]";
}

} // namespace

std::optional<std::string> host_of_authority(std::string_view authority)
{
    bool in_brackets = authority.starts_with('[');
    auto end = in_brackets ? authority.find(']') : authority.find(':');
    if (in_brackets && end == authority.npos)
        return std::nullopt;
    auto host = authority.substr(0, end);
    auto rest = authority.substr(std::min(authority.size(), in_brackets ? end + 1 : end));
    if (!rest.empty() && (rest.front() != ':' || !is_port(rest.substr(1))))
        return std::nullopt;
    return in_brackets ? bracketed(host.substr(1)) : name_or_ipv4(host);
}

} // namespace acme
