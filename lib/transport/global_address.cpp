#include "transport/global_address.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace acme {
namespace {

namespace ip = boost::asio::ip;

struct network
{
    std::array<std::uint8_t, 8> prefix;
    std::size_t bits;
};

constexpr network not_global_v4[] = {
    {{0}, 8},
    {{10}, 8},
    {{100, 64}, 10},
    {{127}, 8},
    {{169, 254}, 16},
    {{172, 16}, 12},
    {{192, 0, 0}, 24},
    {{192, 0, 2}, 24},
    {{192, 88, 99}, 24},
    {{192, 168}, 16},
    {{198, 18}, 15},
    {{198, 51, 100}, 24},
    {{203, 0, 113}, 24},
    // Multicast, and what is reserved.
    {{224}, 3},
};

// Global unicast, but for what is set apart in it.
constexpr network global_v6 = {{0x20}, 3};
constexpr network not_global_v6[] = {
    {{0x20, 0x01, 0x00}, 23},
    {{0x20, 0x01, 0x0d, 0xb8}, 32},
    {{0x3f, 0xff, 0x00}, 20},
};
constexpr network six_to_four = {{0x20, 0x02}, 16};
constexpr network nat64 = {{0x00, 0x64, 0xff, 0x9b}, 64};

template <std::size_t N>
bool is_in(const std::array<unsigned char, N>& address, const network& n) noexcept
{
    for (std::size_t bit = 0; bit < n.bits; ++bit)
        if (((address[bit / 8] ^ n.prefix[bit / 8]) >> (7 - bit % 8) & 1) != 0)
            return false;
    return true;
}

bool is_global(const ip::address_v4::bytes_type& address) noexcept
{
    return std::ranges::none_of(not_global_v4, [&](const network& n) { return is_in(address, n); });
}

ip::address_v4::bytes_type embedded(const ip::address_v6::bytes_type& address, std::size_t at) noexcept
{
    return {address[at], address[at + 1], address[at + 2], address[at + 3]};
}

} // namespace

bool is_global(const ip::address& address) noexcept
{
    if (address.is_v4())
        return is_global(address.to_v4().to_bytes());
    const auto octets = address.to_v6().to_bytes();
    const bool is_nat64 = is_in(octets, nat64) && std::all_of(&octets[8], &octets[12], [](auto o) { return o == 0; });
    if (is_nat64)
        return is_global(embedded(octets, 12));
    if (is_in(octets, six_to_four))
        return is_global(embedded(octets, 2));
    return is_in(octets, global_v6) &&
        std::ranges::none_of(not_global_v6, [&](const network& n) { return is_in(octets, n); });
}

} // namespace acme
