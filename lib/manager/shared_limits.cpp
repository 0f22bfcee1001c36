#include "manager/core.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include <algorithm>

// The limits of a group of managers are one object, changed by whoever takes a token.
namespace acme {
namespace {

constexpr unsigned most_attempts = 50;

constexpr const char* step = "the shared limits";

std::chrono::system_clock::time_point time_of(const limit_record& limits)
{
    return std::max(limits.requests.updated, limits.new_hosts.updated);
}

} // namespace

// As others see them; where nobody has saved any, or what is there is damaged, as they are here.
limit_record manager::core::shared_limits(const std::optional<std::string>& value)
{
    state read;
    try {
        if (value)
            decode_object(read, keys_, keys_.limits(), *value, "the store");
    } catch (const error&) {
        // It is replaced.
    }
    if (!read.limits)
        return with_state([](const state& s) { return s.limits.value_or(limit_record()); });
    note_clocks(*read.limits, false);
    return std::move(*read.limits);
}

// What is paused here, and is not saved yet, stays.
void manager::core::take_limits(limit_record limits)
{
    const auto at = now();
    with_state([&](state& s) {
        if (s.limits)
            add_pauses(limits, s.limits->pauses, at);
        s.limits = std::move(limits);
    });
    watchers_.notify();
}

// Whoever saves them last sets their time: the others' clocks, which may be minutes apart, follow it. What is not heard
// at once is of an earlier time, which says little. A time that goes back far is that of a clock that will not follow,
// so that all others do; else each of them would find that much time passed.
void manager::core::note_clocks(const limit_record& limits, bool is_heard)
{
    const auto known = with_state([](const state& s) { return s.limits ? time_of(*s.limits) : time_point::min(); });
    const auto ahead = time_of(limits) - now();
    const bool was_set_back = known > time_of(limits) + clock_tolerance;
    const bool is_possible = ahead <= clock_tolerance && ahead >= -clock_tolerance;
    if (was_set_back)
        group_.ahead = ahead;
    else if (is_possible && (is_heard || ahead > ahead.zero()))
        group_.ahead = std::max(group_.ahead.value_or(ahead), ahead);
}

std::chrono::system_clock::time_point manager::core::group_now() const
{
    return now() + group_.ahead.value_or(std::chrono::system_clock::duration(0));
}

// In whole seconds, as they are saved.
void manager::core::refill(limit_record& limits) const
{
    const auto at = std::chrono::floor<std::chrono::seconds>(group_now());
    const auto refill_one = [&](token_bucket::saved& s, const rate& pace) {
        token_bucket bucket(pace, s);
        (void)bucket.wait(at);
        s = bucket.save();
    };
    refill_one(limits.requests, options_.limits.requests);
    refill_one(limits.new_hosts, options_.limits.new_hosts);
}

// Changes the object in one step, from what was last seen of it. `change` says whether there is anything to save. Among
// the managers whoever is fastest goes first; the others try again for longer than a burst at one of them takes.
asio::awaitable<void> manager::core::change_shared_limits(std::function<bool(limit_record&)> change)
{
    const auto turn = co_await limits_turn_.async_acquire();
    const auto key = keys_.limits();
    auto seen = group_.limits;
    const auto heard = seen;
    for (unsigned attempt = 0; attempt < most_attempts; ++attempt) {
        auto limits = shared_limits(seen);
        refill(limits);
        if (!change(limits))
            co_return;
        auto value = encode(limits);
        const bool changed = co_await store_->async_exchange(key, seen, value);
        // Word of later changes may have come before the answer.
        const bool is_newest = group_.limits == heard;
        if (changed && is_newest) {
            group_.limits = value;
            take_limits(std::move(limits));
        }
        if (changed)
            co_return;
        if (attempt > 0)
            co_await options_.clock->async_wait(std::chrono::milliseconds(options_.random() % (10 * attempt)));
        seen = co_await store_->async_load(key);
    }
    throw error(make_error_code(errc::store_unavailable), step, "others change them all the time");
}

asio::awaitable<std::chrono::system_clock::duration> manager::core::take_shared_token(
    token_bucket::saved limit_record::* which, rate pace)
{
    std::chrono::system_clock::duration wait{0};
    auto take = [&](limit_record& limits) {
        token_bucket bucket(pace, limits.*which);
        const auto at = group_now();
        const auto filled = std::chrono::floor<std::chrono::seconds>(at);
        wait = bucket.wait(filled);
        if (wait > wait.zero()) {
            wait = std::max<std::chrono::system_clock::duration>(wait - (at - filled), std::chrono::milliseconds(1));
            return false;
        }
        bucket.try_take(filled);
        limits.*which = bucket.save();
        return true;
    };
    co_await change_shared_limits(take);
    co_return wait;
}

asio::awaitable<std::chrono::system_clock::duration> manager::core::take_shared_token_or_tell(
    token_bucket::saved limit_record::* which, rate pace)
{
    std::chrono::system_clock::duration wait{0};
    try {
        wait = co_await take_shared_token(which, pace);
    } catch (const error& e) {
        save_failed told{keys_.limits(), e};
        if (e.code() != asio::error::operation_aborted)
            tell(told);
        throw;
    }
    co_return wait;
}

asio::awaitable<void> manager::core::put_back_shared_token(token_bucket::saved limit_record::* which, rate pace)
{
    auto put_back = [&](limit_record& limits) {
        token_bucket bucket(pace, limits.*which);
        bucket.put_back();
        limits.*which = bucket.save();
        return true;
    };
    co_await change_shared_limits(put_back);
}

// The CA's own limits, as this manager has learnt them; the tokens are others' business.
asio::awaitable<void> manager::core::save_shared_pauses()
{
    const auto ours = with_state([](const state& s) { return s.limits ? s.limits->pauses : limit_record().pauses; });
    auto merge = [&](limit_record& limits) {
        const auto at = now();
        std::erase_if(limits.pauses, [&](const auto& each) { return each.second.until + clock_tolerance <= at; });
        return add_pauses(limits, ours, at) || !group_.limits;
    };
    co_await change_shared_limits(merge);
}

// Until there may be a token, or none is needed any more.
asio::awaitable<void> manager::core::wait_for_token(
    std::shared_ptr<issuance> running, std::chrono::system_clock::duration wait)
{
    using namespace asio::experimental::awaitable_operators;
    co_await (options_.clock->async_wait(wait) || obtained_by_others(running) || hear_of_limits());
}

asio::awaitable<void> manager::core::hear_of_limits()
{
    co_await limit_news_.async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<std::chrono::system_clock::duration> manager::core::take_limit_token(
    token_bucket::saved limit_record::* which, rate pace)
{
    const auto at = now();
    std::chrono::system_clock::duration wait{0};
    if (!group_.changes)
        wait = with_state([&](state& s) { return take_token(s, which, pace, at); });
    else if (!pace.is_unlimited())
        wait = co_await take_shared_token_or_tell(which, pace);
    co_return wait;
}

void manager::core::put_back_limit_token(token_bucket::saved limit_record::* which, rate pace)
{
    if (group_.changes) {
        if (!pace.is_unlimited())
            spawn(put_back_shared_token(which, pace));
        return;
    }
    with_state([&](state& s) {
        if (!s.limits)
            return;
        token_bucket bucket(pace, (*s.limits).*which);
        bucket.put_back();
        (*s.limits).*which = bucket.save();
    });
    changed({keys_.limits()});
}

} // namespace acme
