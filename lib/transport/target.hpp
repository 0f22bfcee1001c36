#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace acme {

/// Where a URL leads.
struct target
{
    /// A name, or an IP address without brackets.
    std::string host;
    std::string port;
    /// What the Host field says: the port where it is not the scheme's own, brackets around an IPv6 address.
    std::string authority;
    /// The origin-form of RFC 9112 section 3.2.1.
    std::string path;
    bool ip_address = false;
    bool tls = true;
};

/// Empty where it is not an absolute https URL with a host, or is longer than 2,048 octets.
std::optional<target> parse_target(std::string_view url);
/// The same for an http or https URL.
std::optional<target> parse_http_target(std::string_view url);

} // namespace acme
