#include "manager/failure_memory.hpp"

namespace acme {

std::chrono::system_clock::time_point earliest(
    const retry_advice& advice, std::chrono::system_clock::time_point now) noexcept
{
    switch (advice.when) {
    case retry_advice::kind::never: return now + std::chrono::hours(24);
    case retry_advice::kind::at: return advice.not_before;
    case retry_advice::kind::now: break;
    }
    return now + std::chrono::seconds(10);
}

const failure* failure_memory::find(const std::string& host) const
{
    auto it = by_host_.find(host);
    return it == by_host_.end() ? nullptr : &it->second.what;
}

void failure_memory::remember(const std::string& host, failure f)
{
    forget(host);
    if (limit_ == 0)
        return;
    if (by_host_.size() == limit_)
        forget(std::string(oldest_first_.front()));
    auto age = oldest_first_.insert(oldest_first_.end(), host);
    by_host_.emplace(host, entry{std::move(f), age});
}

void failure_memory::forget(const std::string& host)
{
    auto it = by_host_.find(host);
    if (it == by_host_.end())
        return;
    oldest_first_.erase(it->second.age);
    by_host_.erase(it);
}

void failure_memory::clear()
{
    by_host_.clear();
    oldest_first_.clear();
}

} // namespace acme
