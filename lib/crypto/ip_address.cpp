#include "crypto/ip_address.hpp"

#include <arpa/inet.h>
#include <array>

namespace acme {

std::optional<std::string> ip_octets(std::string_view text)
{
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos)
        return std::nullopt;
    text.copy(terminated.data(), text.size());
    auto family = text.find(':') == std::string_view::npos ? AF_INET : AF_INET6;
    std::string octets(family == AF_INET ? 4 : 16, '\0');
    if (inet_pton(family, terminated.data(), octets.data()) != 1)
        return std::nullopt;
    return octets;
}

std::optional<std::string> ip_text(std::string_view octets)
{
    if (octets.size() != 4 && octets.size() != 16)
        return std::nullopt;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (inet_ntop(octets.size() == 4 ? AF_INET : AF_INET6, octets.data(), text.data(), text.size()) == nullptr)
        return std::nullopt;
    return std::string(text.data());
}

std::string reverse_name(std::string_view ip)
{
    constexpr std::string_view digits = "0123456789abcdef";
    auto octets = ip_octets(ip);
    if (!octets)
        return {};
    std::string name;
    for (auto it = octets->rbegin(); it != octets->rend(); ++it) {
        auto octet = static_cast<unsigned char>(*it);
        if (octets->size() == 4)
            name.append(std::to_string(octet)).append(".");
        else
            name.append({digits[octet & 0xf], '.', digits[octet >> 4], '.'});
    }
    return name + (octets->size() == 4 ? "in-addr.arpa" : "ip6.arpa");
}

} // namespace acme
