#pragma once

#include "crypto/base64.hpp"

#include <acme/key.hpp>

#include <array>
#include <string>
#include <string_view>

namespace acme {

std::array<unsigned char, 32> sha256(std::string_view data);

/// The public key as a JWK (RFC 7517): only the required members, in the order and spelling that RFC 7638 hashes.
std::string jwk(const key& k);
std::string jwk(const evp_pkey_st& public_key);

/// RFC 7638 with SHA-256: 43 characters.
std::string jwk_thumbprint(const key& k);
std::string jwk_thumbprint(const evp_pkey_st& public_key);

/// "ES256", "ES384" or "RS256" (RFC 7518 section 3.1).
std::string jws_algorithm(const key& k);

/// A JWS in flattened JSON serialisation (RFC 7515 section 7.2.2). The header must carry `jws_algorithm(k)` as "alg".
std::string sign_jws(const key& k, std::string_view protected_header_json, std::string_view payload);

/// The same with HS256, for the binding of an external account (RFC 8555 section 7.3.4). `mac_key` is raw octets.
std::string hmac_jws(std::string_view mac_key, std::string_view protected_header_json, std::string_view payload);

/// RFC 8555 section 8.1.
std::string key_authorization(std::string_view token, const key& account);

} // namespace acme
