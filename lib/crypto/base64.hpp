#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace acme {

/// RFC 4648 section 5, without padding, as JOSE and ACME use it everywhere.
std::string base64url_encode(std::string_view data);

/// Strict: no padding, no other characters, unused trailing bits zero. Empty where the text is anything else.
std::optional<std::string> base64url_decode(std::string_view text);

/// RFC 4648 section 4: the standard alphabet, with padding.
std::string base64_encode(std::string_view data);

/// For what a person pasted, such as the MAC key of an external account: the standard alphabet, padding and white space
/// are accepted as well. Takes what `base64_encode` gives.
std::optional<std::string> base64_decode_lenient(std::string_view text);

} // namespace acme
