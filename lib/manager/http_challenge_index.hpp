#pragma once

#include <acme/clock.hpp>
#include <acme/manager.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace acme {

/// Token to http-01 challenge, read by HTTP servers from any thread. What was retired leaves by itself, without a
/// timer: so it is answered as long as it should be even while its manager ends.
class http_challenge_index
{
public:
    explicit http_challenge_index(std::shared_ptr<const clock> time) noexcept
        : clock_(std::move(time))
    {}

    /// Null where the token is not pending.
    http_challenge_ptr find(std::string_view token) const noexcept;
    void insert(std::string token, http_challenge_ptr c);
    /// The token's entry goes after `grace` where it is still `c`.
    void retire(const std::string& token, const http_challenge_ptr& c, std::chrono::seconds grace);
    /// Those that are remembered, pending or retired.
    std::size_t size() const;

private:
    using time_point = std::chrono::system_clock::time_point;

    struct hash
    {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
    };
    struct entry
    {
        http_challenge_ptr what;
        /// Set once it is retired.
        std::optional<time_point> until;
    };

    void drop_expired(time_point now);

    const std::shared_ptr<const clock> clock_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, entry, hash, std::equal_to<>> by_token_;
    /// In the order of retirement.
    std::deque<std::pair<time_point, std::string>> retired_;
};

} // namespace acme
