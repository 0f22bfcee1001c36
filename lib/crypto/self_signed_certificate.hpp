#pragma once

#include <acme/certificate.hpp>

#include <chrono>
#include <span>
#include <string>
#include <string_view>

namespace acme {

/// What a certificate that signs itself says.
struct self_signed_contents
{
    /// Host names in lower case, and IP addresses.
    std::span<const std::string> names;
    /// Of subject and issuer. A fixed one: a host name may exceed a common name's 64 characters, and an empty subject
    /// upsets some validators.
    std::string_view common_name;
    certificate::time_point not_before;
    certificate::time_point not_after;
    /// A critical extension more; none where the OID is empty.
    std::string_view extension_oid;
    std::string_view extension;
    /// Whose certificate it is; a P-256 key of its own where there is none.
    acme::key key;
};

/// Null where a name is neither a host name in lower case nor an IP address.
certificate_ptr make_self_signed_certificate(const self_signed_contents& contents);

} // namespace acme
