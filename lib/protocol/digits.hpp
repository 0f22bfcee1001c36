#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace acme {

/// A number of 1 to 4 decimal digits and nothing else.
std::optional<int> digits(std::string_view text) noexcept;

/// A UTC date and time of the calendar. A leap second counts as the second before it.
std::optional<std::chrono::sys_seconds> date_time(
    int year, int month, int day, int hour, int minute, int second) noexcept;

} // namespace acme
