#include "manager/decision_cache.hpp"

#include "protocol/renewal_plan.hpp"

namespace acme {

std::optional<bool> decision_cache::find(const std::string& host, time_point now) const
{
    auto it = answers_.find(host);
    if (it == answers_.end() || it->second.until <= now || was_set_back(it->second.since, now))
        return std::nullopt;
    return it->second.allowed;
}

void decision_cache::remember(const std::string& host, bool allowed, time_point now, std::chrono::seconds lifetime)
{
    if (most_ == 0 || lifetime <= lifetime.zero())
        return;
    auto [it, is_new] = answers_.try_emplace(host);
    auto& found = it->second;
    if (!is_new)
        oldest_first_.erase(found.age);
    found.age = oldest_first_.insert(oldest_first_.end(), host);
    found.allowed = allowed;
    found.since = now;
    found.until = now + lifetime;
    if (answers_.size() > most_) {
        answers_.erase(oldest_first_.front());
        oldest_first_.pop_front();
    }
}

} // namespace acme
