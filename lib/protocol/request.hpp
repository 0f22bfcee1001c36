#pragma once

#include <acme/resource.hpp>

#include <span>
#include <string>
#include <string_view>

namespace acme {

// The JSON of what is sent. Absent members are left out, never null or empty: servers were seen to trip over those.

/// RFC 8555 section 7.3. `external_account_binding_jws` is the inner JWS's JSON, empty for none.
std::string new_account_payload(std::span<const std::string> contacts, bool terms_agreed,
    std::string_view external_account_binding_jws, bool only_return_existing);
/// Section 7.3.2. No contacts removes those that the CA has.
std::string update_account_payload(std::span<const std::string> contacts);
/// Sections 7.3.6 and 7.5.2.
std::string deactivate_payload();
/// Section 7.4; `profile` and `replaces` empty for none.
std::string new_order_payload(
    std::span<const identifier> identifiers, std::string_view profile, std::string_view replaces);
std::string finalize_payload(std::string_view csr_base64url);
/// Section 7.6.
std::string revoke_payload(std::string_view certificate_base64url, revocation_reason reason);
/// Section 7.3.5: the inner JWS's payload. `old_jwk` is JSON.
std::string key_change_payload(std::string_view account_url, std::string_view old_jwk);

// Protected headers (section 6.2). An empty nonce is left out.

std::string protected_header_kid(
    std::string_view alg, std::string_view nonce, std::string_view url, std::string_view kid);
/// `jwk_json` is JSON.
std::string protected_header_jwk(
    std::string_view alg, std::string_view nonce, std::string_view url, std::string_view jwk_json);
/// An external account binding's (section 7.3.4).
std::string protected_header_mac(std::string_view alg, std::string_view url, std::string_view kid);

} // namespace acme
