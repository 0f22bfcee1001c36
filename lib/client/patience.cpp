#include "client/patience.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>

namespace acme {

namespace {

constexpr unsigned max_failures = 3;
constexpr auto max_wait = std::chrono::seconds(60);

bool answer_lost(const error& e)
{
    if (e.code() == boost::asio::error::operation_aborted)
        return false;
    if (e.problem())
        return e.problem()->status >= 500;
    return e.code() == errc::timed_out || e.code().category() != acme_category();
}

} // namespace

std::optional<std::chrono::milliseconds> repeat_delay(const error& e, unsigned failures, time_point now)
{
    if (!answer_lost(e) || failures > max_failures)
        return std::nullopt;
    const std::chrono::milliseconds own = std::chrono::milliseconds(250) * (1 << (2 * (failures - 1)));
    if (!e.problem() || !e.problem()->retry_after)
        return own;
    const auto asked = std::chrono::ceil<std::chrono::milliseconds>(*e.problem()->retry_after - now);
    if (asked > max_wait)
        return std::nullopt;
    return std::max(own, asked);
}

} // namespace acme
