#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace acme {

/// The 4 or 16 octets of an IP address in text, without zone or brackets; empty where the text is none.
std::optional<std::string> ip_octets(std::string_view text);

/// The text of 4 or 16 octets, IPv6 as RFC 5952 writes it; empty for any other number of octets.
std::optional<std::string> ip_text(std::string_view octets);

/// The name under which a tls-alpn-01 validation of an IP address asks (RFC 8738 section 6), such as
/// "4.3.2.1.in-addr.arpa", without a trailing dot. Empty where the text is no IP address.
std::string reverse_name(std::string_view ip);

} // namespace acme
