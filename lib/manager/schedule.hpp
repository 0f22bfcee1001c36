#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace acme {

/// When each host is due, ordered by deadline: one entry a host, O(log n) a change.
class schedule
{
public:
    using time_point = std::chrono::system_clock::time_point;

    /// Sets or moves a host's deadline.
    void set(const std::string& host, time_point due);
    void erase(const std::string& host);
    void clear();

    std::optional<time_point> next() const;
    /// Removes and returns the hosts that are due, the longest overdue first.
    std::vector<std::string> take_due(time_point now);

    /// The host whose deadline is first; null where there is none.
    const std::string* first() const noexcept;
    bool contains(const std::string& host) const { return by_host_.contains(host); }
    std::size_t size() const noexcept { return by_host_.size(); }

private:
    using queue = std::set<std::pair<time_point, const std::string*>>;

    // Map nodes do not move, so the queue points at their keys.
    std::map<std::string, time_point> by_host_;
    queue by_time_;
};

} // namespace acme
