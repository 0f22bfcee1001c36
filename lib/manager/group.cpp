#include "client/deadline.hpp"
#include "manager/core.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>

// What other managers do on the same store.
namespace acme {
namespace {

// An order that another manager has begun is looked after when it should be finished, had that manager lived.
constexpr auto usual_issuance = std::chrono::seconds(5);

constexpr std::chrono::seconds pause_after_failure{5};

constexpr const char* step = "following the store";
constexpr const char* place = "the store";

std::optional<std::string> after(std::string_view prefix, std::string_view key)
{
    if (!key.starts_with(prefix))
        return std::nullopt;
    return std::string(key.substr(prefix.size()));
}

} // namespace

bool is_newer(const certificate& a, const certificate& b) noexcept
{
    // Of two of the same second every manager prefers the same one.
    const auto rank = [](const certificate& c) {
        return std::tuple(c.not_before(), c.not_after(), std::string_view(c.serial()));
    };
    return rank(a) > rank(b);
}

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
    spawn(follow());
    spawn(give_signs_of_life());
    if (options_.self_check.enabled)
        share_self_check_key();
    group_news_.cancel();
}

// A subscription that breaks is as good as a store that can't be reached.
asio::awaitable<void> manager::core::follow()
{
    bool is_broken = false;
    for (;;) {
        store_change broken(store_change::kind::interrupted);
        try {
            if (is_broken)
                subscribe_again();
            co_await take_changes();
        } catch (const boost::system::system_error& e) {
            if (e.code() == asio::error::operation_aborted || e.code() == errc::shut_down)
                throw;
            broken.failure.emplace(e.code(), step, e.what());
        } catch (const std::exception& e) {
            broken.failure.emplace(make_error_code(errc::unexpected_answer), step, e.what());
        }
        take_change(broken);
        group_.is_behind = is_broken = true;
        co_await options_.clock->async_wait(pause_after_failure);
    }
}

void manager::core::subscribe_again()
{
    auto changes = subscribe(*store_);
    if (!changes)
        throw error(make_error_code(errc::unexpected_answer), step, "the store tells no changes any more");
    group_.changes = std::move(changes);
}

asio::awaitable<void> manager::core::take_changes()
{
    const auto changes = group_.changes;
    for (;;) {
        if (group_.is_behind && !group_.cut_off)
            group_.is_behind = !co_await read_anew();
        std::optional<store_change> c;
        if (group_.is_behind && !group_.cut_off)
            c = co_await async_within(*options_.clock, pause_after_failure, changes->async_receive());
        else
            c = co_await changes->async_receive();
        if (!c)
            continue;
        take_change(*c);
        group_.is_behind = group_.is_behind || c->what == store_change::kind::anything;
    }
}

void manager::core::take_change(const store_change& c)
{
    if (c.what == store_change::kind::interrupted) {
        const error why = c.failure.value_or(error(make_error_code(errc::unexpected_answer), step));
        group_.cut_off = why;
        store_interrupted told{why};
        tell(told);
        return;
    }
    // `resumed` itself may be among the messages that became `anything`.
    if (group_.cut_off) {
        group_.cut_off.reset();
        tell(store_resumed());
        group_news_.cancel();
        look_after_orders();
        wake();
    }
    note_challenge(c.key);
    if (c.what == store_change::kind::saved)
        take_saved(c.key, c.value);
    else if (c.what == store_change::kind::erased)
        take_erased(c.key);
}

// False where it has to be tried again.
asio::awaitable<bool> manager::core::read_anew()
{
    try {
        co_await compare_with_store();
        co_return true;
    } catch (const error& e) {
        if (e.code() == asio::error::operation_aborted)
            throw;
    }
    co_return false;
}

asio::awaitable<void> manager::core::compare_with_store()
{
    auto listed = co_await store_->async_list(keys_.prefix());
    std::set<std::string> keys(listed.begin(), listed.end());
    keys.insert(state_keys::hosts());
    keys.insert(keys_.account());
    with_state([&](const state& s) {
        for (auto& [host, record] : s.certificates)
            keys.insert(keys_.certificate(host));
        for (auto& [host, record] : s.orders)
            keys.insert(keys_.order(host));
        for (auto& [host, record] : s.failures)
            keys.insert(keys_.failure(host));
    });
    for (auto& [host, shared] : group_.challenges)
        keys.insert(keys_.challenge(host));
    // Those first for which validations wait.
    std::vector<std::string> in_order(keys.begin(), keys.end());
    std::partition(in_order.begin(), in_order.end(), [&](const auto& key) { return after(keys_.challenge({}), key); });
    const std::set<std::string> there(listed.begin(), listed.end());
    for (auto it = stored_.begin(); it != stored_.end();)
        it = there.contains(keys_.certificate(it->first)) ? std::next(it) : stored_.erase(it);
    for (const auto& key : in_order) {
        const auto host = after(keys_.certificate({}), key);
        // What is not in memory is read when it is asked for.
        if (host && stored_.contains(*host))
            continue;
        auto value = co_await load_usable(key);
        if (value)
            take_saved(key, *value);
        else
            take_erased(key);
    }
    // What is shared beyond the state is compared, too.
    group_news_.cancel();
}

// Of what is damaged nothing is known.
asio::awaitable<std::optional<std::string>> manager::core::load_usable(std::string key)
{
    std::optional<error> unusable;
    try {
        co_return co_await store_->async_load(key);
    } catch (const error& e) {
        if (!is_unusable(e))
            throw;
        unusable = e;
    }
    state_refused told{key, *unusable};
    tell(told);
    const auto ours = with_state([&](const state& s) { return encode_object(s, keys_, key); });
    co_return ours;
}

void manager::core::take_saved(const std::string& key, const std::string& value)
{
    if (group_.values.contains(key)) {
        take_shared_value(key, value);
        return;
    }
    if ((!key.starts_with(keys_.prefix()) && key != state_keys::hosts()) || hear_of_node(key))
        return;
    if (key == keys_.limits()) {
        group_.limits = value;
        limit_news_.cancel();
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
    if (news.limits) {
        note_clocks(*news.limits, true);
        take_limits(std::move(*news.limits));
    }
    const bool reloads = news.account || news.hosts;
    // One that was registered anew has another URL.
    const bool is_other =
        news.account && client_ && !news.account->url.empty() && client_->account_url() != news.account->url;
    if (is_other)
        client_.reset();
    with_state([&](state& s) {
        for (auto& [host, pause] : news.failures)
            if (!s.certificates.contains(host))
                acme::remember_failure(s, host, std::move(pause), options_.max_failures);
        if (news.account)
            s.account = std::move(news.account);
        if (news.hosts)
            s.hosts = std::move(news.hosts);
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
    if (key == keys_.account())
        save_all_again();
    if (const auto host = after(keys_.challenge({}), key))
        drop_challenge(*host);
    const auto served = after(keys_.certificate({}), key);
    // A certificate that was in the store is gone, whatever else is to be saved of it.
    const bool is_news = with_state([&](const state&) { return !(served ? unstored_ : unsaved_).contains(key); });
    if (!is_news)
        return;
    if (served)
        spawn(take_erased_certificate(*served));
    const bool is_change = with_state([&](state& s) {
        const auto ordered = after(keys_.order({}), key), failed = after(keys_.failure({}), key);
        return (ordered && !is_ordering(*ordered) && s.orders.erase(*ordered) > 0) ||
            (failed && s.failures.erase(*failed) > 0);
    });
    if (is_change)
        watchers_.notify();
}

// Others have given it up, unless the account is gone as well: then it is lost with all that the store had.
asio::awaitable<void> manager::core::take_erased_certificate(std::string host)
{
    const auto key = keys_.certificate(host);
    const auto ours = index_->certificates.find(host);
    std::optional<std::string> account, theirs;
    for (bool is_known = false; !is_known;) {
        try {
            account = co_await load_usable(keys_.account());
            theirs = co_await load_usable(key);
            is_known = true;
        } catch (const error& e) {
            if (e.code() == asio::error::operation_aborted)
                throw;
        }
        if (!is_known)
            co_await options_.clock->async_wait(pause_after_failure);
    }
    if (!account)
        save_all_again();
    const bool is_gone = !theirs && index_->certificates.find(host) == ours &&
        with_state([&](const state&) { return !unstored_.contains(key); });
    if (is_gone)
        drop_certificate(host);
}

// Another manager obtained it, or knows more of its plan.
void manager::core::take_certificate(const std::string& host, certificate_record record)
{
    auto running = issuances_.find(host);
    if (auto kept = stored_.find(host); kept != stored_.end() && running == issuances_.end()) {
        // What is saved does not say when the CA is asked next.
        const auto due = refresh_due(record.plan, now());
        kept->second = std::min(kept->second.value_or(due), due);
        schedule_.set(host, *kept->second);
        return;
    }
    const auto c = record.certificate;
    const auto resume = [this](certificate_record& r) {
        if (!r.certificate->renewal_id().empty())
            resume_polls(r.plan, now(), options_.random());
    };
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
            resume(ours);
        } else if (ours.certificate->serial() == c->serial()) {
            what = relation::same;
            record.plan.poll_at = ours.plan.poll_at;
            record.plan.polled_at = ours.plan.polled_at;
            record.plan.poll_failures = ours.plan.poll_failures;
            record.certificate = ours.certificate;
            ours = std::move(record);
        } else if (is_newer(*ours.certificate, *c)) {
            what = relation::outdated;
        } else {
            resume(record);
            ours = std::move(record);
        }
        if (what != relation::news)
            return;
        s.failures.erase(host);
        index_->certificates.insert(host, c);
    });
    if (what == relation::same) {
        due_.erase(host);
        reschedule(host);
    }
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
    // Nobody waits for what is no longer to be refreshed.
    if (auto it = issuances_.find(host); it != issuances_.end() && it->second->refresh && !it->second->ordering) {
        const auto running = it->second;
        running->failure = error(make_error_code(errc::no_certificate), step, "it was revoked").with_host(host);
        complete(*running);
    }
    with_state([&](state& s) {
        unsaved_.erase(keys_.certificate(host));
        unstored_.erase(keys_.certificate(host));
        unwanted_.erase(keys_.certificate(host));
        auto it = s.certificates.find(host);
        if (it == s.certificates.end())
            return;
        index_->certificates.erase(host, it->second.certificate);
        s.certificates.erase(it);
    });
    schedule_.erase(host);
    due_.erase(host);
    group_.ceded.erase(host);
    watchers_.notify();
}

bool manager::core::is_ordering(const std::string& host) const
{
    const auto running = issuances_.find(host);
    return running != issuances_.end() && running->second->ordering;
}

void manager::core::take_order(const std::string& host, order_record record)
{
    if (is_ordering(host))
        return;
    const bool is_new = with_state([&](state& s) { return s.orders.insert_or_assign(host, std::move(record)).second; });
    if (is_new)
        begin_to_look_after(host);
}

void manager::core::begin_to_look_after(const std::string& host)
{
    if (group_.looked_after.insert(host).second)
        spawn(look_after(host));
}

// Those who had begun them may have died while nothing was heard.
void manager::core::look_after_orders()
{
    const auto orders = with_state([](const state& s) { return s.orders; });
    for (const auto& [host, record] : orders)
        begin_to_look_after(host);
}

// Whoever has begun an order may have died meanwhile; its lock says so. Who is cut off looks at it afterwards.
asio::awaitable<void> manager::core::look_after(std::string host)
{
    co_await options_.clock->async_wait(is_ours(host) ? usual_issuance : 2 * usual_issuance);
    group_.looked_after.erase(host);
    const bool unfinished =
        with_state([&](const state& s) { return s.orders.contains(host) && !waits_after_failure(s, host); });
    if (unfinished && !group_.cut_off && !issuances_.contains(host) && allowed(host) && !stopped_)
        start(host, index_->certificates.find(host) != nullptr);
}

} // namespace acme
