#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace acme {

/// An RFC 3339 time. Fractions of a second are cut to milliseconds; times beyond what the clock can hold become its
/// first or last year.
std::optional<std::chrono::system_clock::time_point> parse_timestamp(std::string_view text);

/// The opposite, in whole seconds: "2026-01-20T14:09:07Z".
std::string format_timestamp(std::chrono::system_clock::time_point t);

/// Seconds since 1970 as a point of `system_clock`, which counts nanoseconds and so ends in the year 2262.
std::chrono::system_clock::time_point saturated(std::chrono::sys_seconds t) noexcept;

} // namespace acme
