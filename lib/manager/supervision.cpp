#include "client/deadline.hpp"
#include "manager/core.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <algorithm>
#include <utility>

namespace acme {
namespace {

// No sleep is longer, so that a clock that was set, or a machine that slept, is noticed.
constexpr std::chrono::system_clock::duration longest_sleep = std::chrono::hours(1);

constexpr auto pause_after_failure = std::chrono::minutes(1);

// All that is saved at the end is saved within this time.
constexpr std::chrono::seconds last_save{15};

} // namespace

void manager::core::ensure_supervised()
{
    if (supervised_ || stopped_)
        return;
    supervised_ = true;
    spawn(supervise());
}

void manager::core::wake()
{
    wakes_->notify();
}

// After the state was replaced or its hosts changed: the schedule anew, and the orders that an earlier process left
// behind.
void manager::core::reload()
{
    if (stopped_)
        return;
    ensure_supervised();
    std::vector<std::string> unfinished;
    auto at = now();
    schedule_.clear();
    due_.clear();
    std::erase_if(group_.ceded, [&](const auto& each) { return !manages(each.first); });
    for (auto& host : std::exchange(polls_, {}))
        polled_.erase(host);
    with_state([&](state& s) {
        for (auto& [host, record] : s.certificates) {
            const bool polled = record.plan.poll_at != time_point::max() || record.certificate->renewal_id().empty();
            if (!polled)
                resume_polls(record.plan, at, options_.random());
            if (!issuances_.contains(host))
                schedule_.set(host, next_step(record.plan, at));
        }
        for (auto& [host, planned] : stored_)
            if (planned)
                schedule_.set(host, *planned);
        for (auto& [host, record] : s.orders)
            if (!issuances_.contains(host) && !waits_after_failure(s, host))
                unfinished.push_back(host);
    });
    for (auto& host : unfinished)
        if (manages(host))
            start(host, index_->certificates.find(host) != nullptr);
    wake();
}

// What failed has its own time for the next attempt.
bool manager::core::waits_after_failure(const state& s, const std::string& host) const
{
    auto served = s.certificates.find(host);
    if (served != s.certificates.end())
        return refresh_due(served->second.plan, now()) > now();
    auto failed = s.failures.find(host);
    return failed != s.failures.end() && in_force(failed->second, now());
}

asio::awaitable<void> manager::core::supervise()
{
    while (!stopped_) {
        bool failed = false;
        try {
            notice_clock_set_back();
            save_what_changed();
            tell_of_ends();
            take_what_is_due();
            start_due_refreshes();
            start_polls();
            start_loads();
            co_await wait_for_work();
        } catch (const std::exception&) {
            failed = !stopped_;
        }
        if (failed)
            co_await options_.clock->async_wait(pause_after_failure);
    }
}

asio::awaitable<void> manager::core::wait_for_work()
{
    using namespace asio::experimental::awaitable_operators;
    auto sleep = longest_sleep;
    auto next = schedule_.next();
    if (next_token_ && (!next || *next_token_ < *next))
        next = next_token_;
    if (!own_ends_.empty() && (!next || own_ends_.begin()->first < *next))
        next = own_ends_.begin()->first;
    if (next)
        sleep = std::clamp(*next - now(), sleep.zero(), longest_sleep);
    co_await (notification_channel::async_receive(wakes_) || options_.clock->async_wait(sleep));
}

// What was planned by a clock that was ahead is planned again.
void manager::core::notice_clock_set_back()
{
    constexpr auto tolerance = std::chrono::minutes(2);
    auto at = now();
    bool set_back = at + tolerance < last_seen_;
    last_seen_ = at;
    if (!set_back)
        return;
    group_.ahead.reset();
    reload();
}

asio::awaitable<void> manager::core::shutdown()
{
    stop();
    co_await tasks_.async_wait_empty();
    watchers_.close();
    // Who asks for it again waits for the first.
    const auto turn = co_await save_locks_->async_lock("shutdown");
    if (!transport_)
        co_return;
    saving_paused_ = true;
    const auto in_time = co_await async_within(*options_.clock, last_save, save_what_is_left());
    if (!in_time)
        for (const auto& key : with_state([&](const state&) { return unsaved_; })) {
            save_failed told{key, error(make_error_code(errc::timed_out), "shutting down")};
            tell(told);
        }
    // What listens, and idle connections, would keep the executor at work.
    group_.changes.reset();
    client_.reset();
    transport_.reset();
}

asio::awaitable<bool> manager::core::save_what_is_left()
{
    const auto keys = with_state([&](const state&) { return unsaved_; });
    for (auto& key : keys)
        co_await save(key);
    co_await leave_group();
    co_return true;
}

// A task that has not begun yet never will, so what waits for it, or was left to it, ends here.
void manager::core::stop()
{
    stopped_ = true;
    tasks_.close();
    while (!issuances_.empty()) {
        auto running = issuances_.begin()->second;
        running->failure = error(make_error_code(errc::shut_down), "issuance").with_host(running->host);
        complete(*running);
    }
    index_->challenges.clear();
}

} // namespace acme
