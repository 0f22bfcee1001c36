#include "manager/core.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

// The lock under which a host's certificate is obtained, and what is read and saved with it.
namespace acme {
namespace {

// A host's lock that is not had within this time is somebody else's, and meanwhile there is other work.
constexpr auto usual_lock_time = std::chrono::milliseconds(100);

// How often a value that others change at the same time is read again.
constexpr int most_attempts = 20;

constexpr const char* step = "ordering under a lock";
constexpr const char* place = "the store";

} // namespace

// Whoever has the lock may obtain the certificate; then there is nothing more to wait for. What a broken store does not
// give, a certificate near its end is refreshed without.
asio::awaitable<void> manager::core::lock_orders(std::shared_ptr<issuance> running, host_lock& lock)
{
    using namespace asio::experimental::awaitable_operators;
    if (!store_ || running->done)
        co_return;
    const auto host = running->host;
    std::optional<error> failure = group_.cut_off;
    if (!failure) {
        auto first = co_await (try_lock_orders(host, failure) || obtained_by_others(running) || give_way(running));
        if (first.index() == 0)
            lock.take(std::move(std::get<0>(first)));
    }
    if (failure && !can_not_wait(host))
        throw *failure;
    if (!running->place && !running->done)
        running->place = co_await issuance_places_.async_acquire();
    set_yielding(*running, false);
}

void manager::core::set_yielding(issuance& running, bool yields)
{
    if (!running.refresh || running.done || running.yields == yields)
        return;
    running.yields = yields;
    --(yields ? refreshing_ : yielding_);
    ++(yields ? yielding_ : refreshing_);
}

asio::awaitable<void> manager::core::obtained_by_others(std::shared_ptr<issuance> running)
{
    while (!running->done)
        co_await running->finished.async_wait(asio::as_tuple(asio::use_awaitable));
}

// While others have the host's lock, its place is another host's. Ends by cancellation only.
asio::awaitable<void> manager::core::give_way(std::shared_ptr<issuance> running)
{
    co_await options_.clock->async_wait(usual_lock_time);
    running->place = slots::lease();
    set_yielding(*running, true);
    wake();
    asio::steady_timer never(strand_, asio::steady_timer::time_point::max());
    co_await never.async_wait(asio::use_awaitable);
}

asio::awaitable<std::unique_ptr<store::lock>> manager::core::try_lock_orders(
    std::string host, std::optional<error>& failure)
{
    std::unique_ptr<store::lock> lock;
    const auto name = keys_.prefix() + "issue/" + host;
    try {
        lock = co_await store_->async_lock(name);
    } catch (const error& e) {
        if (e.code() == asio::error::operation_aborted)
            throw;
        failure = e;
    }
    co_return lock;
}

// Somebody else may be ordering the certificate.
bool manager::core::has_lost_lock(const std::string& host) const
{
    const auto lock = group_.locks.find(host);
    return lock != group_.locks.end() && !lock->second->held();
}

void manager::core::refuse_if_lock_lost(const std::string& host) const
{
    if (has_lost_lock(host))
        throw error(make_error_code(errc::lock_lost), step);
}

asio::awaitable<std::optional<std::string>> manager::core::load_certificate(std::string host)
{
    std::optional<std::string> value;
    auto key = keys_.certificate(host);
    // Not while it is being saved.
    auto turn = co_await save_locks_->async_lock(key);
    try {
        value = co_await store_->async_load(key);
    } catch (const error& e) {
        if (e.code() == asio::error::operation_aborted || is_unusable(e) || !can_not_wait(host))
            throw;
    }
    co_return value;
}

// Before anything is spent, and again when nobody else can be ordering: another manager on the same store may have been
// faster.
asio::awaitable<std::optional<certificate_record>> manager::core::stored_certificate(
    std::string host, bool tell_of_damage)
{
    std::optional<certificate_record> found;
    if (!store_)
        co_return found;
    auto key = keys_.certificate(host);
    try {
        auto value = co_await load_certificate(host);
        if (!value)
            co_return found;
        state s;
        decode_object(s, keys_, key, *value, "the store");
        found = s.certificates.at(host);
        // It may not be erased yet.
        if (is_unwanted(key, *found->certificate))
            co_return std::nullopt;
    } catch (const error& e) {
        if (!is_unusable(e))
            throw;
        state_refused refused{key, e};
        if (tell_of_damage)
            tell(refused);
        co_return std::nullopt;
    }
    auto ours = index_->certificates.find(host);
    bool known = ours && ours->serial() == found->certificate->serial();
    const bool is_news = known && group_.changes && with_state([&](const state&) { return !unsaved_.contains(key); });
    if (is_news)
        take_certificate(host, *found);
    if (known || refresh_due(found->plan, now()) <= now() || found->certificate->not_after() <= now())
        found.reset();
    co_return found;
}

// An order's state as whoever had the lock before has left it.
asio::awaitable<void> manager::core::reload_order(std::string host)
{
    const auto key = keys_.order(host);
    if (!group_.changes || with_state([&](const state&) { return unsaved_.contains(key); }))
        co_return;
    state read;
    try {
        const auto value = co_await store_->async_load(key);
        if (value)
            decode_object(read, keys_, key, *value, place);
    } catch (const error& e) {
        // What is damaged is replaced; that was told.
        if (e.code() == asio::error::operation_aborted || !(is_unusable(e) || can_not_wait(host)))
            throw;
        if (!is_unusable(e))
            co_return;
    }
    with_state([&](state& s) {
        s.orders.erase(host);
        s.orders.merge(read.orders);
    });
}

// Whoever had the lock before may have failed, and its failure is this one's too.
asio::awaitable<void> manager::core::heed_others(std::shared_ptr<issuance> running)
{
    const auto host = running->host;
    if (!group_.changes || !group_.locks.contains(host))
        co_return;
    const auto key = keys_.failure(host);
    const bool served = with_state([&](const state& s) { return s.certificates.contains(host); });
    if (!served) {
        const auto value = co_await load_usable(key);
        if (value)
            take_saved(key, *value);
    }
    const auto failed = with_state([&](const state& s) -> std::optional<time_point> {
        auto it = s.certificates.find(host);
        if (it == s.certificates.end() || refresh_due(it->second.plan, now()) <= now())
            return std::nullopt;
        return refresh_due(it->second.plan, now());
    });
    if (failed)
        throw error(make_error_code(errc::recently_failed), step).with_retry(retry_advice::at(*failed));
    const auto failure = served ? std::nullopt : recent_failure(host, running->wanted || is_listed());
    if (failure && failure->code() == errc::recently_failed)
        throw *failure;
}

// What others are to know is saved before they can have the lock.
asio::awaitable<void> manager::core::leave_to_others(std::shared_ptr<issuance> running, host_lock& lock)
{
    if (!group_.changes || !lock.get())
        co_return;
    const auto host = running->host;
    const std::vector<std::string> keys{keys_.failure(host), keys_.certificate(host), keys_.order(host)};
    for (const auto& key : keys) {
        const bool is_unsaved = with_state([&](const state&) { return unsaved_.contains(key); });
        if (is_unsaved)
            co_await save(key);
    }
    if (running->published || group_.challenges.contains(host))
        co_await erase_challenge(host, lock.get());
}

// Once nobody obtains it any more.
asio::awaitable<void> manager::core::give_up(std::string host)
{
    if (!group_.changes || group_.locks.contains(host))
        co_return;
    std::optional<error> failure;
    const auto lock = co_await try_lock_orders(host, failure);
    drop_certificate(host);
    with_state([&](state& s) {
        s.orders.erase(host);
        unwanted_[keys_.certificate(host)] = nullptr;
    });
    co_await save(keys_.certificate(host));
    co_await save(keys_.order(host));
}

// A new one is saved under the lock where there is one. One that another manager has obtained meanwhile stays.
asio::awaitable<void> manager::core::save_certificate(std::shared_ptr<store> where, std::string host, std::string value)
{
    const auto key = keys_.certificate(host);
    const auto held = group_.locks.find(host);
    const auto lock = held == group_.locks.end() ? nullptr : held->second;
    const bool is_new = with_state([&](const state&) { return unstored_.contains(key); });
    if (lock && is_new) {
        try {
            co_await where->async_guarded_save(key, value, *lock);
            co_return;
        } catch (const error& e) {
            if (e.code() != errc::lock_lost)
                throw;
        }
    }
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
        auto theirs = co_await where->async_load(key);
        if (theirs && *theirs == value)
            co_return;
        if (theirs && yields_to(host, *theirs, is_new))
            co_return;
        if (!theirs && with_state([&](const state&) { return !unstored_.contains(key); })) {
            take_erased(key);
            co_return;
        }
        const bool saved = co_await where->async_exchange(key, theirs, value);
        if (saved)
            co_return;
    }
    throw error(make_error_code(errc::conflict), step, "others change " + key + " all the time");
}

// Empty where it is damaged.
std::optional<certificate_record> manager::core::read_certificate(
    const std::string& host, const std::string& value) const
{
    state read;
    try {
        decode_object(read, keys_, keys_.certificate(host), value, place);
    } catch (const error&) {
        return std::nullopt;
    }
    return std::move(read.certificates.at(host));
}

// The same certificate, of an order that another manager has finished meanwhile, has that manager's plan.
bool manager::core::yields_to(const std::string& host, const std::string& value, bool is_new)
{
    auto theirs = read_certificate(host, value);
    const bool yields = theirs && with_state([&](const state& s) {
        const auto ours = s.certificates.find(host);
        if (ours == s.certificates.end())
            return false;
        const auto& c = *ours->second.certificate;
        return c.serial() == theirs->certificate->serial() ? is_new : !is_newer(c, *theirs->certificate);
    });
    if (yields)
        take_certificate(host, std::move(*theirs));
    return yields;
}

} // namespace acme
