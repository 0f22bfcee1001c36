#include "protocol/renewal_plan.hpp"

#include "protocol/limit.hpp"

#include <acme/renewal.hpp>

#include <algorithm>

namespace acme {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using duration = std::chrono::system_clock::duration;

constexpr std::chrono::seconds shortest_poll = minutes(1);
constexpr std::chrono::seconds longest_poll = hours(24);
constexpr std::chrono::seconds usual_poll = hours(6);
constexpr duration shortest_life = minutes(1);

double fraction_of(std::uint64_t random) noexcept
{
    return static_cast<double>(random >> 11) * 0x1p-53;
}

duration part_of(duration d, double fraction) noexcept
{
    return std::chrono::duration_cast<duration>(std::chrono::duration<double, duration::period>(d) * fraction);
}

// Bounded, since a hostile certificate may claim centuries.
duration lifetime(const validity& v) noexcept
{
    constexpr duration longest = hours(24 * 36'500);
    const auto half = v.not_after.time_since_epoch() / 2 - v.not_before.time_since_epoch() / 2;
    return std::clamp(half, duration::zero(), longest / 2) * 2;
}

// A certificate that is refreshed in the first tenth of its life was hurried.
unsigned hurried_after(const std::optional<replaced_certificate>& earlier, time_point now) noexcept
{
    if (!earlier || now - earlier->span.not_before >= lifetime(earlier->span) / 10)
        return 0;
    return std::min(earlier->hurried + 1, 10U);
}

time_point earliest_refresh(unsigned hurried, time_point obtained) noexcept
{
    return obtained + std::min<duration>(shortest_life * (1U << (2 * hurried)), hours(24));
}

time_point in_whole_seconds(time_point t) noexcept
{
    return t - t.time_since_epoch() % std::chrono::seconds(1);
}

} // namespace

bool was_set_back(time_point since, time_point now) noexcept
{
    return now + clock_tolerance < since;
}

time_point latest_refresh(const validity& v) noexcept
{
    return v.not_after - lifetime(v) / 6;
}

renewal_plan plan_renewal(const validity& v, bool pollable, const std::optional<replaced_certificate>& earlier,
    time_point now, std::uint64_t random) noexcept
{
    renewal_plan plan;
    plan.hurried = hurried_after(earlier, now);
    // One that is backdated by much of its lifetime is not old when it comes.
    const auto left = std::max(v.not_after - now, duration::zero());
    const auto earliest = std::max(earliest_refresh(0, now), now + left / 3);
    plan.refresh_at = std::max(refresh_time(v.not_before, v.not_after, random), earliest);
    if (plan.hurried > 0)
        plan.retry_at = earliest_refresh(plan.hurried, now);
    if (pollable)
        plan.poll_at = now;
    return plan;
}

void resume_polls(renewal_plan& plan, time_point now, std::uint64_t random) noexcept
{
    constexpr duration first = minutes(10);
    plan.poll_at = now + first + part_of(usual_poll - first, fraction_of(random));
}

bool take_window(renewal_plan& plan, const validity& v, const renewal_info& info, time_point now, std::uint64_t random)
{
    plan.poll_failures = 0;
    plan.polled_at = now;
    plan.poll_at = now + std::clamp(info.retry_after.value_or(usual_poll), shortest_poll, longest_poll);
    // As it is saved: what a restart reads back must not look like a new one.
    const suggested_window window(in_whole_seconds(info.start), in_whole_seconds(info.end));
    if (plan.window == window)
        return false;
    plan.window = window;
    const auto start = std::clamp(window.start, v.not_before, std::max(v.not_before, v.not_after));
    const auto end = std::clamp(window.end, start, std::max(start, v.not_after));
    plan.refresh_at = std::min(start + part_of(end - start, fraction_of(random)), latest_refresh(v));
    return true;
}

void take_silence(renewal_plan& plan, const validity& v, time_point now, std::uint64_t random) noexcept
{
    plan.poll_failures = 0;
    plan.polled_at = now;
    plan.poll_at = now + longest_poll;
    if (plan.window)
        plan.refresh_at = refresh_time(v.not_before, v.not_after, random);
    plan.window.reset();
}

void poll_failed(renewal_plan& plan, const boost::system::error_code& ec, const std::optional<problem>& p,
    time_point now, std::uint64_t random) noexcept
{
    const bool lost = ec.category() != acme_category();
    const bool passing = lost || ec == errc::timed_out || ec == errc::rate_limited || (p && p->status >= 500);
    const duration pause =
        passing ? std::min<duration>(shortest_poll * (1U << std::min(plan.poll_failures, 9U)), usual_poll) : usual_poll;
    ++plan.poll_failures;
    plan.polled_at = now;
    plan.poll_at = now + pause + part_of(pause, fraction_of(random) / 5);
    if (p && p->retry_after)
        plan.poll_at = std::max(plan.poll_at, std::min(*p->retry_after, now + longest_poll));
}

void refresh_failed(renewal_plan& plan, const validity& v, const boost::system::error_code& ec,
    const std::optional<problem>& p, time_point now, std::uint64_t random)
{
    ++plan.failures;
    plan.failed_at = now;
    const auto advice = disposition(ec, p, plan.failures, now, random);
    duration pause = std::chrono::seconds(10);
    if (advice.when == retry_advice::kind::never)
        pause = hours(24);
    else if (advice.when == retry_advice::kind::at)
        pause = advice.not_before - now;
    // What the CA asked for, or counts in weeks, is not ours to cut.
    const bool ours = !(p && p->retry_after) && ec != errc::rate_limited && ec != errc::certificate_rejected;
    const auto left = v.not_after > now ? v.not_after - now : duration::zero();
    if (ours && left > duration::zero())
        pause = std::min(pause, std::max(left / 3, std::min<duration>(hours(1), lifetime(v) / 6)));
    plan.retry_at = now + pause;
}

time_point refresh_due(const renewal_plan& plan, time_point now) noexcept
{
    const bool pausing = plan.retry_at > now && !was_set_back(plan.failed_at, now);
    return pausing ? std::max(plan.refresh_at, plan.retry_at) : plan.refresh_at;
}

time_point urgency(const renewal_plan& plan, const validity& v, time_point now) noexcept
{
    const bool overdue = plan.window && plan.window->end <= now;
    return overdue ? plan.window->end : v.not_after;
}

time_point next_step(const renewal_plan& plan, time_point now) noexcept
{
    const auto poll = was_set_back(plan.polled_at, now) ? std::min(now, plan.poll_at) : plan.poll_at;
    return std::min(refresh_due(plan, now), poll);
}

} // namespace acme
