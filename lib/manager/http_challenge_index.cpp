#include "manager/http_challenge_index.hpp"

#include "protocol/challenge_token.hpp"

namespace acme {

http_challenge_ptr http_challenge_index::find(std::string_view token) const noexcept
{
    if (!is_challenge_token(token))
        return nullptr;
    std::lock_guard lock(mutex_);
    const auto it = by_token_.find(token);
    if (it == by_token_.end() || (it->second.until && *it->second.until <= clock_->now()))
        return nullptr;
    return it->second.what;
}

void http_challenge_index::insert(std::string token, http_challenge_ptr c)
{
    std::lock_guard lock(mutex_);
    drop_expired(clock_->now());
    auto& place = by_token_[std::move(token)];
    place.what = std::move(c);
    place.until.reset();
}

void http_challenge_index::retire(const std::string& token, const http_challenge_ptr& c, std::chrono::seconds grace)
{
    std::lock_guard lock(mutex_);
    const auto now = clock_->now();
    drop_expired(now);
    const auto it = by_token_.find(token);
    if (it == by_token_.end() || it->second.what != c)
        return;
    it->second.until = now + grace;
    retired_.emplace_back(now + grace, token);
}

std::size_t http_challenge_index::size() const
{
    std::lock_guard lock(mutex_);
    return by_token_.size();
}

// One that was provisioned again meanwhile stays.
void http_challenge_index::drop_expired(time_point now)
{
    for (; !retired_.empty() && retired_.front().first <= now; retired_.pop_front()) {
        const auto it = by_token_.find(retired_.front().second);
        if (it != by_token_.end() && it->second.until && *it->second.until <= now)
            by_token_.erase(it);
    }
}

} // namespace acme
