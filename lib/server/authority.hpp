#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace acme {

/// The host of an authority (RFC 3986 section 3.2) such as a Host field's value, without its port, in the form that a
/// URL takes: a DNS name in lower case without a final dot, an IPv4 address, or an IPv6 address in brackets. Empty
/// where it is anything else; user information and zone identifiers are refused.
std::optional<std::string> host_of_authority(std::string_view authority);

} // namespace acme
