#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace acme {

/// The longest wait that is taken from a Retry-After.
inline constexpr std::chrono::seconds max_retry_after = std::chrono::hours(24 * 30);

/// An HTTP date in one of the three forms of RFC 9110 section 5.6.7. `now` tells the century of a two-digit year.
std::optional<std::chrono::sys_seconds> parse_http_date(
    std::string_view text, std::chrono::system_clock::time_point now);

/// A Retry-After (RFC 9110 section 10.2.3), delta-seconds or date, as a wait from `now` on, within [0,
/// `max_retry_after`]. Empty where it is garbage, negative, or more than 18 digits long.
std::optional<std::chrono::seconds> parse_retry_after(
    std::string_view value, std::chrono::system_clock::time_point now);

} // namespace acme
