#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

namespace acme {

/// What an application's decision function said of hosts, for a while; bounded, the oldest answer is forgotten first.
class decision_cache
{
public:
    using time_point = std::chrono::system_clock::time_point;

    explicit decision_cache(std::size_t most) noexcept
        : most_(most)
    {}

    /// Empty where nothing is remembered, or no longer.
    std::optional<bool> find(const std::string& host, time_point now) const;
    void remember(const std::string& host, bool allowed, time_point now, std::chrono::seconds lifetime);
    std::size_t size() const noexcept { return answers_.size(); }

private:
    struct answer
    {
        bool allowed = false;
        time_point since{};
        time_point until{};
        std::list<std::string>::iterator age;
    };

    std::size_t most_;
    std::list<std::string> oldest_first_;
    std::unordered_map<std::string, answer> answers_;
};

} // namespace acme
