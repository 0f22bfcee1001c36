#include "protocol/challenge_token.hpp"

#include <algorithm>

namespace acme {

bool is_challenge_token(std::string_view s) noexcept
{
    return s.size() >= 22 && s.size() <= 256 && std::all_of(s.begin(), s.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

} // namespace acme
