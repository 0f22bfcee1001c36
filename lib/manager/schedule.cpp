#include "manager/schedule.hpp"

namespace acme {

void schedule::set(const std::string& host, time_point due)
{
    auto [it, inserted] = by_host_.try_emplace(host, due);
    if (!inserted) {
        by_time_.erase({it->second, &it->first});
        it->second = due;
    }
    by_time_.insert({due, &it->first});
}

void schedule::erase(const std::string& host)
{
    auto it = by_host_.find(host);
    if (it == by_host_.end())
        return;
    by_time_.erase({it->second, &it->first});
    by_host_.erase(it);
}

void schedule::clear()
{
    by_time_.clear();
    by_host_.clear();
}

std::optional<schedule::time_point> schedule::next() const
{
    if (by_time_.empty())
        return std::nullopt;
    return by_time_.begin()->first;
}

const std::string* schedule::first() const noexcept
{
    return by_time_.empty() ? nullptr : by_time_.begin()->second;
}

std::vector<std::string> schedule::take_due(time_point now)
{
    std::vector<std::string> due;
    while (!by_time_.empty() && by_time_.begin()->first <= now) {
        due.push_back(*by_time_.begin()->second);
        by_time_.erase(by_time_.begin());
        by_host_.erase(due.back());
    }
    return due;
}

} // namespace acme
