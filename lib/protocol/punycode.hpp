#pragma once

#include <string_view>

namespace acme {

/// Whether `encoded`, an A-label in lower case without its "xn--", is the Punycode (RFC 3492) of a text with at least
/// one character outside ASCII, and without control characters.
bool is_punycode(std::string_view encoded) noexcept;

} // namespace acme
