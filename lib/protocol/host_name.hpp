#pragma once

#include "protocol/parsed.hpp"

#include <string>
#include <string_view>

namespace acme {

/// The DNS name for which a certificate can be ordered, in lower case, without a final dot; or why there can be none:
/// an IP literal in any spelling, a wildcard, a single label, a character outside [a-z0-9-], a length over the limits
/// of DNS or over 10 labels, an A-label that does not decode, a reverse or onion name, a name that repeats itself
/// (www.www.www.example.com). Says nothing of whether the name exists. Refusing is cheap.
parsed<std::string> normalize_host_name(std::string_view name);

} // namespace acme
