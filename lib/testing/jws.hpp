#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <string_view>

namespace acme::testing {

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
    /// Whether the signature is that of this key: P-256, P-384, or RSA of 2048 to 4096 bits.
    bool signed_by(const boost::json::object& jwk) const;
    /// Whether it is the HMAC of that key with SHA-256.
    bool authenticated_by(std::string_view mac_key) const;

private:
    bool signed_by_ec(const boost::json::object& jwk) const;
    bool signed_by_rsa(const boost::json::object& jwk) const;
};

/// One string for equal keys.
std::string canonical(const boost::json::object& jwk);

/// RFC 7638, in base64url.
std::string thumbprint_of(const boost::json::object& jwk);

} // namespace acme::testing
