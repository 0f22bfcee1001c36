#pragma once

#include <acme/key.hpp>

#include <span>
#include <string>

namespace acme {

/// The DER of a certificate signing request (RFC 2986) as RFC 8555 section 7.4 wants it: an empty subject, and the
/// names as subject alternative names (dNSName, or iPAddress for an IP address), signed with SHA-256.
std::string make_csr(std::span<const std::string> names, const key& certificate_key);

} // namespace acme
