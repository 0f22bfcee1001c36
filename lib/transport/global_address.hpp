#pragma once

#include <boost/asio/ip/address.hpp>

namespace acme {

/// Whether the IANA special-purpose address registries (RFC 6890) let a CA reach it from anywhere. Of addresses that
/// lead to an IPv4 one, 6to4's and NAT64's, that one counts.
bool is_global(const boost::asio::ip::address& address) noexcept;

} // namespace acme
