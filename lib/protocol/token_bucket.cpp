#include "protocol/limit.hpp"

#include <algorithm>
#include <cmath>

namespace acme {
namespace {

// What a token may lack and still count, lest rounding make a wait fall short.
constexpr double tolerance = 1e-6;

// Seconds by which the clocks of those who share a bucket may differ: by going to and fro they mint nothing.
constexpr double apart = 600;

} // namespace

token_bucket::token_bucket(rate r, const saved& s) noexcept
    : rate_(r)
    , state_(s)
{
    if (s == saved())
        state_.tokens = rate_.burst;
    else
        state_.tokens = s.tokens > 0 ? std::min(s.tokens, double(rate_.burst)) : 0;
}

void token_bucket::refill(time_point now) noexcept
{
    using seconds = std::chrono::duration<double>;
    // Subtracted as doubles: two points can be further apart than the clock's duration holds.
    const double elapsed = seconds(now.time_since_epoch()).count() - seconds(state_.updated.time_since_epoch()).count();
    if (elapsed < 0 && elapsed >= -apart)
        return;
    state_.updated = now;
    if (elapsed > 0)
        state_.tokens = std::min(state_.tokens + elapsed / seconds(rate_.interval).count(), double(rate_.burst));
}

bool token_bucket::try_take(time_point now) noexcept
{
    if (rate_.is_unlimited())
        return true;
    refill(now);
    if (state_.tokens < 1 - tolerance)
        return false;
    state_.tokens -= 1;
    return true;
}

token_bucket::duration token_bucket::wait(time_point now) noexcept
{
    constexpr duration longest = std::chrono::hours(24);
    if (rate_.is_unlimited())
        return duration(0);
    refill(now);
    const double missing = 1 - state_.tokens;
    if (missing <= tolerance)
        return duration(0);
    if (rate_.burst == 0)
        return longest;
    const double milliseconds = missing * std::chrono::duration<double, std::milli>(rate_.interval).count();
    // Beyond 100 years the number would not fit.
    return duration(static_cast<std::int64_t>(std::ceil(std::min(milliseconds, 3.2e12))));
}

token_bucket::duration token_bucket::reserve(time_point now) noexcept
{
    const duration d = wait(now);
    if (!rate_.is_unlimited() && rate_.burst != 0)
        state_.tokens -= 1;
    return d;
}

void token_bucket::put_back() noexcept
{
    if (!rate_.is_unlimited())
        state_.tokens = std::min(state_.tokens + 1, double(rate_.burst));
}

} // namespace acme
