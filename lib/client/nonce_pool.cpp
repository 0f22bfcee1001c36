#include "client/nonce_pool.hpp"

#include <algorithm>

namespace acme {

namespace {

constexpr std::size_t max_nonces = 64;
constexpr std::size_t max_length = 512;
constexpr auto max_age = std::chrono::hours(1);

bool base64url(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

} // namespace

void nonce_pool::put(std::string_view nonce, time_point now)
{
    if (nonce.empty() || nonce.size() > max_length || !std::all_of(nonce.begin(), nonce.end(), base64url))
        return;
    // A CA which hands the same nonce out twice accepts it once.
    std::erase_if(nonces_, [nonce](const entry& e) { return e.nonce == nonce; });
    if (nonces_.size() == max_nonces)
        nonces_.erase(nonces_.begin());
    nonces_.push_back({std::string(nonce), now});
}

std::optional<std::string> nonce_pool::take(time_point now)
{
    if (nonces_.empty())
        return std::nullopt;
    const entry last = std::move(nonces_.back());
    nonces_.pop_back();
    // The clock may have been set back; what is left is older still.
    if (now - last.received > max_age || last.received > now) {
        clear();
        return std::nullopt;
    }
    return last.nonce;
}

} // namespace acme
