#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace acme {

/// Whether a request may be sent to this URL: absolute, https, at most 2,048 octets of visible ASCII, with a host,
/// without userinfo and fragment.
bool acceptable_url(std::string_view url);

/// `reference` resolved against `base` (RFC 3986 section 5); empty unless the outcome is acceptable. An absolute
/// reference is kept byte for byte.
std::optional<std::string> resolve(std::string_view base, std::string_view reference);

} // namespace acme
