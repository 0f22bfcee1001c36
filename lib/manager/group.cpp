#include "manager/core.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <algorithm>
#include <string_view>
#include <tuple>

// What other managers do on the same store.
namespace acme {
namespace {

// An order that another manager has begun is looked after when it should be finished, had that manager lived.
constexpr auto usual_issuance = std::chrono::seconds(5);

constexpr auto pause_after_failure = std::chrono::seconds(5);

// How often a value that others change at the same time is read again.
constexpr int most_attempts = 20;

constexpr const char* step = "following the store";
constexpr const char* place = "the store";

// Of two of the same second every manager prefers the same one.
bool is_newer(const certificate& a, const certificate& b) noexcept
{
    const auto rank = [](const certificate& c) {
        return std::tuple(c.not_before(), c.not_after(), std::string_view(c.serial()));
    };
    return rank(a) > rank(b);
}

std::optional<std::string> after(std::string_view prefix, std::string_view key)
{
    if (!key.starts_with(prefix))
        return std::nullopt;
    return std::string(key.substr(prefix.size()));
}

} // namespace

// The store is read after this, so nothing is missed between.
std::shared_ptr<subscription> manager::core::subscribe(store& where)
{
    return std::shared_ptr<subscription>(where.watch({}));
}

void manager::core::join_group(std::shared_ptr<subscription> changes)
{
    if (!changes)
        return;
    group_.changes = std::move(changes);
    index_->is_shared = true;
    spawn(follow(group_.changes));
    spawn(give_signs_of_life());
    group_news_.cancel();
}

asio::awaitable<void> manager::core::follow(std::shared_ptr<subscription> changes)
{
    // What the first message says was read when the store was opened.
    bool is_first = true;
    while (!stopped_) {
        auto c = co_await changes->async_receive();
        if (c.what == store_change::kind::anything && !std::exchange(is_first, false))
            co_await read_anew();
        else
            take_change(c);
        if (c.what == store_change::kind::interrupted)
            is_first = false;
    }
}

void manager::core::take_change(const store_change& c)
{
    switch (c.what) {
    case store_change::kind::saved: take_saved(c.key, c.value); break;
    case store_change::kind::erased: take_erased(c.key); break;
    case store_change::kind::anything: break;
    case store_change::kind::interrupted: {
        const error why = c.failure.value_or(error(make_error_code(errc::unexpected_answer), step));
        group_.cut_off = why;
        store_interrupted told{why};
        tell(told);
        break;
    }
    case store_change::kind::resumed:
        group_.cut_off.reset();
        tell(store_resumed());
        group_news_.cancel();
        wake();
        break;
    }
}

// More has changed than was told.
asio::awaitable<void> manager::core::read_anew()
{
    bool done = false;
    while (!done) {
        try {
            co_await compare_with_store();
            done = true;
        } catch (const error& e) {
            if (e.code() == asio::error::operation_aborted)
                throw;
        }
        if (!done)
            co_await options_.clock->async_wait(pause_after_failure);
    }
}

asio::awaitable<void> manager::core::compare_with_store()
{
    auto listed = co_await store_->async_list({});
    std::set<std::string> there(listed.begin(), listed.end());
    std::set<std::string> ours;
    with_state([&](const state& s) {
        for (auto& [host, record] : s.certificates)
            ours.insert(keys_.certificate(host));
        for (auto& [host, record] : s.orders)
            ours.insert(keys_.order(host));
        for (auto& [host, record] : s.failures)
            ours.insert(keys_.failure(host));
    });
    for (auto& [host, next] : stored_)
        ours.insert(keys_.certificate(host));
    for (auto& [host, shared] : group_.challenges)
        ours.insert(keys_.challenge(host));
    for (const auto& key : ours)
        if (!there.contains(key))
            take_erased(key);
    for (const auto& key : there) {
        const auto host = after(keys_.certificate({}), key);
        // What is not in memory is read when it is asked for.
        if (host && stored_.contains(*host))
            continue;
        auto value = co_await store_->async_load(key);
        if (value)
            take_saved(key, *value);
    }
}

void manager::core::take_saved(const std::string& key, const std::string& value)
{
    if (key == keys_.limits())
        group_.limits = value;
    if (hear_of_node(key))
        return;
    if (group_.values.contains(key)) {
        take_shared_value(key, value);
        return;
    }
    if (const auto host = after(keys_.challenge({}), key)) {
        take_challenge(*host, value);
        return;
    }
    // What is newer here is on its way there; what is the same is an echo.
    const bool is_news =
        with_state([&](const state& s) { return !unsaved_.contains(key) && encode_object(s, keys_, key) != value; });
    if (!is_news)
        return;
    state news;
    try {
        decode_object(news, keys_, key, value, place);
    } catch (const error& e) {
        state_refused told{key, e};
        tell(told);
        return;
    }
    take_news(std::move(news));
}

void manager::core::take_news(state news)
{
    for (auto& [host, record] : news.certificates)
        take_certificate(host, std::move(record));
    for (auto& [host, record] : news.orders)
        take_order(host, std::move(record));
    bool reloads = false;
    with_state([&](state& s) {
        for (auto& [host, pause] : news.failures)
            if (!s.certificates.contains(host))
                acme::remember_failure(s, host, std::move(pause), options_.max_failures);
        if (news.limits)
            s.limits = std::move(news.limits);
        if (news.account) {
            s.account = std::move(news.account);
            reloads = true;
        }
        if (news.hosts) {
            s.hosts = std::move(news.hosts);
            reloads = true;
        }
    });
    watchers_.notify();
    if (reloads)
        reload();
}

void manager::core::take_erased(const std::string& key)
{
    if (key == keys_.limits())
        group_.limits.reset();
    hear_that_node_left(key);
    if (const auto host = after(keys_.challenge({}), key))
        drop_challenge(*host);
    const bool is_news = with_state([&](const state&) { return !unsaved_.contains(key); });
    if (!is_news)
        return;
    if (const auto host = after(keys_.certificate({}), key))
        drop_certificate(*host);
    with_state([&](state& s) {
        if (const auto host = after(keys_.order({}), key))
            s.orders.erase(*host);
        if (const auto host = after(keys_.failure({}), key))
            s.failures.erase(*host);
    });
}

// Another manager obtained it, or knows more of its plan.
void manager::core::take_certificate(const std::string& host, certificate_record record)
{
    auto running = issuances_.find(host);
    const auto c = record.certificate;
    enum class relation
    {
        news,
        same,
        outdated
    } what = relation::news;
    with_state([&](state& s) {
        auto [place_of, is_new] = s.certificates.try_emplace(host, record);
        auto& ours = place_of->second;
        if (is_new) {
            resume_polls(ours.plan, now(), options_.random());
        } else if (ours.certificate->serial() == c->serial()) {
            what = relation::same;
            record.plan.poll_at = ours.plan.poll_at;
            record.plan.polled_at = ours.plan.polled_at;
            record.plan.poll_failures = ours.plan.poll_failures;
            record.certificate = ours.certificate;
            ours = std::move(record);
        } else if (is_newer(*c, *ours.certificate)) {
            resume_polls(record.plan, now(), options_.random());
            ours = std::move(record);
        } else {
            what = relation::outdated;
        }
        if (what != relation::news)
            return;
        s.failures.erase(host);
        index_->certificates.insert(host, c);
    });
    if (what == relation::same)
        reschedule(host);
    if (what != relation::news)
        return;
    stored_.erase(host);
    due_.erase(host);
    group_.ceded.erase(host);
    if (running != issuances_.end() && !running->second->ordering) {
        auto theirs = running->second;
        succeed(*theirs, c);
    } else {
        certificate_shared told{host, c};
        tell(told);
    }
    reschedule(host);
    make_room();
    wake();
}

// A host that was given up, or whose key others may have, is no longer served from here either.
void manager::core::drop_certificate(const std::string& host)
{
    stored_.erase(host);
    if (issuances_.contains(host))
        return;
    with_state([&](state& s) {
        auto it = s.certificates.find(host);
        if (it == s.certificates.end())
            return;
        index_->certificates.erase(host, it->second.certificate);
        s.certificates.erase(it);
    });
    schedule_.erase(host);
    due_.erase(host);
}

void manager::core::take_order(const std::string& host, order_record record)
{
    if (auto running = issuances_.find(host); running != issuances_.end() && running->second->ordering)
        return;
    const bool is_new = with_state([&](state& s) { return s.orders.insert_or_assign(host, std::move(record)).second; });
    if (is_new && group_.looked_after.insert(host).second)
        spawn(look_after(host));
}

// Whoever has begun an order may have died meanwhile; its lock says so.
asio::awaitable<void> manager::core::look_after(std::string host)
{
    co_await options_.clock->async_wait(is_ours(host) ? usual_issuance : 2 * usual_issuance);
    group_.looked_after.erase(host);
    const bool unfinished =
        with_state([&](const state& s) { return s.orders.contains(host) && !waits_after_failure(s, host); });
    if (unfinished && !issuances_.contains(host) && allowed(host) && !stopped_)
        start(host, index_->certificates.find(host) != nullptr);
}

// An order's state as whoever had the lock before has left it.
asio::awaitable<void> manager::core::reload_order(std::string host)
{
    const auto key = keys_.order(host);
    if (!group_.changes || with_state([&](const state&) { return unsaved_.contains(key); }))
        co_return;
    std::optional<std::string> value;
    try {
        value = co_await store_->async_load(key);
    } catch (const error& e) {
        if (e.code() == asio::error::operation_aborted || !can_not_wait(host))
            throw;
        co_return;
    }
    state read;
    if (value)
        decode_object(read, keys_, key, *value, place);
    with_state([&](state& s) {
        s.orders.erase(host);
        s.orders.merge(read.orders);
    });
}

// Whoever uses it keeps it until then.
std::shared_ptr<const store::lock> manager::core::lock_of(const std::string& host) const
{
    const auto held = group_.locks.find(host);
    return held == group_.locks.end() ? nullptr : held->second;
}

// Saved under the lock where there is one. Without, another manager may have obtained a newer one, which stays.
asio::awaitable<void> manager::core::save_certificate(std::shared_ptr<store> where, std::string host, std::string value)
{
    const auto key = keys_.certificate(host);
    if (const auto lock = lock_of(host)) {
        co_await where->async_guarded_save(key, std::move(value), *lock);
        co_return;
    }
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
        auto theirs = co_await where->async_load(key);
        if (theirs && *theirs == value)
            co_return;
        if (theirs && yields_to(host, *theirs))
            co_return;
        const bool saved = co_await where->async_exchange(key, theirs, value);
        if (saved)
            co_return;
    }
    throw error(make_error_code(errc::conflict), step, "others change " + key + " all the time");
}

bool manager::core::yields_to(const std::string& host, const std::string& value)
{
    state read;
    try {
        decode_object(read, keys_, keys_.certificate(host), value, place);
    } catch (const error&) {
        return false;
    }
    auto& theirs = read.certificates.at(host);
    const bool newer = with_state([&](const state& s) {
        auto ours = s.certificates.find(host);
        return ours != s.certificates.end() && is_newer(*theirs.certificate, *ours->second.certificate);
    });
    if (newer)
        take_certificate(host, std::move(theirs));
    return newer;
}

} // namespace acme
