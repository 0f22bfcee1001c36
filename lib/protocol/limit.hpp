#pragma once

#include <acme/error.hpp>
#include <acme/renewal.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace acme {

/// How far the clocks of machines that share a state may be apart. Each time that one comes which is further apart, a
/// bucket that they share may be filled once; then its machine goes by the others' time.
inline constexpr std::chrono::minutes clock_tolerance{20};

/// A token bucket on the wall clock, so that it can be saved. A clock that jumps ahead fills it, never beyond its size;
/// after one that goes back, the refill starts from the new time. One that is behind by less than `clock_tolerance` is
/// another machine's, and the refill goes on from where that of the machine ahead of it has come.
class token_bucket
{
public:
    using time_point = std::chrono::system_clock::time_point;
    using duration = std::chrono::milliseconds;

    /// What to save. The default means full.
    struct saved
    {
        double tokens = 0;
        time_point updated{};

        saved() = default;
        saved(double tokens_, time_point updated_) noexcept
            : tokens(tokens_)
            , updated(updated_)
        {}

        friend bool operator==(const saved&, const saved&) = default;
    };

    /// A full one.
    explicit token_bucket(rate r) noexcept
        : token_bucket(r, saved())
    {}
    /// One as it was saved; impossible numbers become possible ones, and reservations are forgotten.
    token_bucket(rate r, const saved& s) noexcept;

    /// Takes a token where there is one.
    bool try_take(time_point now) noexcept;
    /// Takes a token in any case, and says how long to wait before it may be used.
    duration reserve(time_point now) noexcept;
    /// Gives a token back that was taken or reserved and not used.
    void put_back() noexcept;
    /// How long until `try_take` can succeed. A bucket of size 0 says a day each time.
    duration wait(time_point now) noexcept;

    saved save() const noexcept { return state_; }

private:
    double elapsed_until(time_point now) const noexcept;
    void refill(time_point now) noexcept;

    rate rate_;
    saved state_;
};

/// Whether and when to try again after a failure. `attempt` counts failures in a row, from 1; `random` is 64 uniformly
/// random bits.
///
/// - Refusals (RFC 8555 section 6.7's types, an invalid order): after 1, 10, 100 minutes, then daily, the pace that
/// Let's Encrypt asks for.
/// - The network, a CA in trouble (5xx, an answer that is no ACME): after 30 s, doubling to 1 h.
/// - What only a change of the configuration can cure: never.
/// - rateLimited: at its Retry-After. Without one the account may be paused until somebody visits a page: after a day.
/// - A certificate that was rejected here: after a day, since CAs allow few for the same names.
///
/// A Retry-After is never undercut, and all but "never" and "now" are put off by up to a fifth at random.
retry_advice disposition(const boost::system::error_code& ec, const std::optional<problem>& p, unsigned attempt,
    std::chrono::system_clock::time_point now, std::uint64_t random);

/// When the next attempt may be made. "Never" means a day here, since what was wrong lies outside and may be mended;
/// "now" means ten seconds.
std::chrono::system_clock::time_point earliest_attempt(
    const retry_advice& advice, std::chrono::system_clock::time_point now) noexcept;

} // namespace acme
