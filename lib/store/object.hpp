#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace acme {

using objects = std::map<std::string, std::string, std::less<>>;

inline constexpr std::size_t max_key_size = 512;
inline constexpr std::size_t max_value_size = 1024 * 1024;

/// `a-z 0-9 . _ -`, and `/` between parts; no part is empty, "." or "..", so that a key can become a path.
bool is_valid_key(std::string_view key) noexcept;

/// UTF-8 text within the size limit.
bool is_valid_value(std::string_view value) noexcept;

/// Throw `acme::error` (invalid_argument) with the reason.
void check_key(std::string_view key);
void check_object(std::string_view key, std::string_view value);

std::optional<std::string> find_value(const objects& all, std::string_view key);
std::vector<std::string> keys_with_prefix(const objects& all, std::string_view prefix);

} // namespace acme
