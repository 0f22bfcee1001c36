#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace acme::fuzz {

/// A property that holds for every input; where it does not, the fuzzer keeps the input.
inline void check(bool holds) noexcept
{
    if (!holds)
        std::abort();
}

inline std::string_view text(const std::uint8_t* data, std::size_t size) noexcept
{
    return {reinterpret_cast<const char*>(data), size};
}

} // namespace acme::fuzz
