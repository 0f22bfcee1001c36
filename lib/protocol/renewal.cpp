#include <acme/renewal.hpp>

#include <algorithm>

namespace acme {

std::chrono::system_clock::time_point refresh_time(std::chrono::system_clock::time_point not_before,
    std::chrono::system_clock::time_point not_after, std::uint64_t random) noexcept
{
    using namespace std::chrono;
    using clock_duration = system_clock::duration;
    // Halved before subtracting, so that not even the clock's first and last points overflow.
    // The bound keeps what follows from overflowing as well.
    constexpr clock_duration longest = days(36'500);
    const auto half = std::min(not_after.time_since_epoch() / 2 - not_before.time_since_epoch() / 2, longest);
    if (half <= clock_duration::zero())
        return not_after;
    const bool is_short = half < duration_cast<clock_duration>(days(10)) / 2;
    const auto due = is_short ? half : half / 3 * 4;
    const double fraction = static_cast<double>(random >> 11) * 0x1p-53;
    const auto spread = duration_cast<clock_duration>(duration<double, clock_duration::period>(half / 25) * fraction);
    return not_before + std::max(due - spread, half / 3 * 2);
}

} // namespace acme
