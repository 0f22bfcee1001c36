#include "manager/refusal_pace.hpp"

#include <algorithm>

namespace acme {
namespace {

using namespace std::chrono_literals;

constexpr refusal_pace::duration saved_up = 100ms;
// Who waits holds a connection, of which there are so many only.
constexpr refusal_pace::duration longest_wait = 200ms;

} // namespace

refusal_pace::refusal_pace(unsigned turns_a_second) noexcept
    : between_turns_(turns_a_second > 0 ? duration(1s) / turns_a_second : duration::zero())
{}

refusal_pace::duration refusal_pace::take_turn(time_point now)
{
    if (between_turns_ == duration::zero())
        return duration::zero();
    const std::lock_guard lock(mutex_);
    const auto earliest = now + std::min(between_turns_ - saved_up, duration::zero());
    turn_ = std::clamp(turn_ + between_turns_, earliest, now + longest_wait);
    return std::max(turn_ - now, duration::zero());
}

} // namespace acme
