#include "manager/counted_client.hpp"

#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>

namespace acme {
namespace {

std::string key_of(const asio::ip::address_v4& address)
{
    const auto octets = address.to_bytes();
    return {octets.begin(), octets.end()};
}

} // namespace

std::string client_key(const asio::ip::address& address)
{
    if (address.is_v4())
        return key_of(address.to_v4());
    const auto v6 = address.to_v6();
    if (v6.is_v4_mapped())
        return key_of(asio::ip::make_address_v4(asio::ip::v4_mapped, v6));
    const auto octets = v6.to_bytes();
    return {octets.begin(), octets.begin() + octets.size() / 2};
}

} // namespace acme
