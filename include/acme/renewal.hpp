#pragma once

#include <chrono>
#include <cstdint>

namespace acme {

/// When a certificate is due for its refresh, without word from the CA: after two thirds of its lifetime, or half of it
/// where that is shorter than ten days. `random` (64 uniformly random bits) spreads it over the 2 % of the lifetime
/// before that point, so that certificates obtained together are not refreshed together.
///
/// Never before a third of the lifetime. A certificate that ends before it begins is due at its end. How often a
/// refresh is tried at most is not decided here: the refresh of a ten-second certificate is due after five seconds.
std::chrono::system_clock::time_point refresh_time(std::chrono::system_clock::time_point not_before,
    std::chrono::system_clock::time_point not_after, std::uint64_t random) noexcept;

/// A token bucket's size and pace: `burst` tokens at first, then one more each `interval`, never more than `burst`.
/// An `interval` of zero or less means no limit; a `burst` of zero with an interval means never.
struct rate
{
    unsigned burst = 0;
    std::chrono::seconds interval{0};

    rate() = default;
    rate(unsigned burst_, std::chrono::seconds interval_) noexcept
        : burst(burst_)
        , interval(interval_)
    {}

    static rate unlimited() noexcept { return rate(); }
    bool is_unlimited() const noexcept { return interval.count() <= 0; }
};

} // namespace acme
