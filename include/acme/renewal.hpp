#pragma once

#include <chrono>
#include <cstdint>

namespace acme {

/// When a certificate is due for its refresh, without word from the CA: after two thirds of its lifetime, of half of it where that is shorter than ten
/// days. `random` (64 uniformly random bits) spreads it over the 2 % of the lifetime before that point, so that certificates obtained together are not refreshed together.
std::chrono::system_clock::time_point refresh_time(std::chrono::system_clock::time_point not_before,
                                                   std::chrono::system_clock::time_point not_after, std::uint64_t random) noexcept;

/// A token bucket's size and pace: `burst` tokens at first, then one more each `interval`, never more than `burst`.
/// An `interval` of zero means no limit.
struct rate
{
    unsigned burst = 0;
    std::chrono::seconds interval{0};

    rate() = default;
    rate(unsigned burst_, std::chrono::seconds interval_) noexcept : burst(burst_), interval(interval_) {}

    static rate unlimited() noexcept { return rate(); }
    bool is_unlimited() const noexcept { return interval.count() <= 0; }
};

} // namespace acme
