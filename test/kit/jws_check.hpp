#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <string_view>

namespace acme::test {

/// A JWS in flattened JSON, taken apart as strictly as a CA does (RFC 8555 section 6.2). Not our own code under test:
/// keys and signatures go through BoringSSL here directly.
struct read_jws
{
    boost::json::object header;
    std::string payload;
    std::string signing_input;
    std::string signature;

    /// Throws `std::runtime_error` that says what is wrong with it.
    explicit read_jws(std::string_view body);

    std::string text(std::string_view member) const;
    /// Whether the signature is that of this EC key (P-256 or P-384).
    bool signed_by(const boost::json::object& jwk) const;
    /// Whether it is the HMAC of that key with SHA-256.
    bool authenticated_by(std::string_view mac_key) const;
};

/// One string for equal keys.
std::string canonical(const boost::json::object& jwk);

/// RFC 7638, in base64url.
std::string thumbprint_of(const boost::json::object& jwk);

} // namespace acme::test
