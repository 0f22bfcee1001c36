#pragma once

#include <string_view>

namespace acme {

/// Whether it is a challenge's token: base64url without padding, of 128 bits at least (RFC 8555 section 8), and of 256
/// characters at most.
bool is_challenge_token(std::string_view s) noexcept;

} // namespace acme
