#include "protocol/punycode.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace acme {
namespace {

// RFC 3492 section 5.
constexpr std::uint32_t base = 36;
constexpr std::uint32_t tmin = 1;
constexpr std::uint32_t tmax = 26;
constexpr std::uint32_t skew = 38;
constexpr std::uint32_t damp = 700;
constexpr std::uint32_t initial_bias = 72;
constexpr std::uint32_t initial_n = 128;
constexpr std::uint32_t last_code_point = 0x10FFFF;

std::optional<std::uint32_t> digit_of(char c) noexcept
{
    if (c >= 'a' && c <= 'z')
        return static_cast<std::uint32_t>(c - 'a');
    if (c >= '0' && c <= '9')
        return static_cast<std::uint32_t>(c - '0' + 26);
    return std::nullopt;
}

std::uint32_t adapt(std::uint32_t delta, std::uint32_t points, bool first) noexcept
{
    delta = first ? delta / damp : delta / 2;
    delta += delta / points;
    std::uint32_t k = 0;
    for (; delta > (base - tmin) * tmax / 2; k += base)
        delta /= base - tmin;
    return k + (base - tmin + 1) * delta / (delta + skew);
}

/// The next generalized variable-length integer; empty where the text ends too soon or the number is beyond any
/// label's.
std::optional<std::uint32_t> take_delta(std::string_view& in, std::uint32_t bias) noexcept
{
    // In 64 bits a step can't overflow while both stay below this.
    constexpr std::uint64_t too_large = std::uint64_t(last_code_point) * 256;
    std::uint64_t delta = 0;
    std::uint64_t weight = 1;
    for (std::uint32_t k = base; !in.empty(); k += base) {
        const auto digit = digit_of(in.front());
        if (!digit)
            return std::nullopt;
        in.remove_prefix(1);
        delta += *digit * weight;
        if (delta > too_large)
            return std::nullopt;
        const std::uint32_t threshold = k <= bias ? tmin : std::min(k - bias, tmax);
        if (*digit < threshold)
            return static_cast<std::uint32_t>(delta);
        weight *= base - threshold;
        if (weight > too_large)
            return std::nullopt;
    }
    return std::nullopt;
}

} // namespace

bool is_punycode(std::string_view encoded) noexcept
{
    const auto delimiter = encoded.rfind('-');
    std::uint32_t points = 0;
    if (delimiter != std::string_view::npos) {
        points = static_cast<std::uint32_t>(delimiter);
        encoded.remove_prefix(delimiter + 1);
    }
    if (encoded.empty() || delimiter == 0)
        return false;
    std::uint32_t n = initial_n;
    std::uint32_t i = 0;
    std::uint32_t bias = initial_bias;
    for (bool first = true; !encoded.empty(); first = false) {
        const auto delta = take_delta(encoded, bias);
        if (!delta)
            return false;
        i += *delta;
        ++points;
        bias = adapt(*delta, points, first);
        n += i / points;
        i = i % points + 1;
        // Below U+00A0 are ASCII, which is not encoded, and control characters.
        if (n < 0xA0 || n > last_code_point || (n >= 0xD800 && n <= 0xDFFF))
            return false;
    }
    return true;
}

} // namespace acme
