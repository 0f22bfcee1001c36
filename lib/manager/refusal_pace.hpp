#pragma once

#include <chrono>
#include <mutex>

namespace acme {

/// Gives turns to those who are refused, so many in a second; those of a tenth of a second are saved up. Thread safety:
/// from any thread.
class refusal_pace
{
public:
    using time_point = std::chrono::system_clock::time_point;
    using duration = std::chrono::system_clock::duration;

    /// 0: all have their turn at once.
    explicit refusal_pace(unsigned turns_a_second) noexcept;

    /// How long it is until the turn of one more, whatever the clock did meanwhile: not long.
    duration take_turn(time_point now);

private:
    const duration between_turns_;
    std::mutex mutex_;
    time_point turn_{};
};

} // namespace acme
