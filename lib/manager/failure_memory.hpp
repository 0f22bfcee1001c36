#pragma once

#include <acme/error.hpp>

#include <chrono>
#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace acme {

/// What is remembered of a host whose last issuance failed.
struct failure
{
    acme::error error;
    /// No new attempt before this.
    std::chrono::system_clock::time_point until{};
    /// Failures in a row.
    unsigned count = 0;
};

/// When the next attempt may be made. "Never" means a day here, since what was wrong lies outside and may be mended.
std::chrono::system_clock::time_point earliest(
    const retry_advice& advice, std::chrono::system_clock::time_point now) noexcept;

/// The negative cache of hosts without a certificate, bounded: the oldest failure is forgotten first.
class failure_memory
{
public:
    explicit failure_memory(std::size_t limit)
        : limit_(limit)
    {}

    const failure* find(const std::string& host) const;
    void remember(const std::string& host, failure f);
    void forget(const std::string& host);
    void clear();

private:
    struct entry
    {
        failure what;
        std::list<std::string>::iterator age;
    };

    std::size_t limit_;
    std::list<std::string> oldest_first_;
    std::unordered_map<std::string, entry> by_host_;
};

} // namespace acme
