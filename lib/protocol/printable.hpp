#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace acme {

/// `text` made fit for a log line: at most `limit` octets of valid UTF-8, cut texts ending in "...". Line breaks and
/// tabs become a space; other control characters, escapes, characters that reorder or hide text, and invalid UTF-8
/// become '?'.
std::string printable(std::string_view text, std::size_t limit);

} // namespace acme
