#pragma once

#include <acme/certificate.hpp>

#include <chrono>
#include <string_view>

namespace acme {

/// The certificate that answers a tls-alpn-01 validation (RFC 8737 section 3): self-signed with `private_key`, or a
/// P-256 key of its own, valid from an hour before `now` for a week, with exactly one name and the digest of the key
/// authorization. For an IP address the name is an iPAddress (RFC 8738 section 6); the validator asks for it under
/// `reverse_name`. Null where `name_or_ip` is neither a host name in lower case nor an IP address.
certificate_ptr make_challenge_certificate(std::string_view name_or_ip, std::string_view key_authorization,
    std::chrono::system_clock::time_point now, key private_key = key());

} // namespace acme
