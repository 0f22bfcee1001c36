#include "client/deadline.hpp"
#include "manager/core.hpp"

#include <algorithm>

// Which certificates are in memory, and which only in the store.
namespace acme {
namespace {

constexpr std::size_t most_loads = 4;

// What is loaded because its time has come stays in memory until it is done; beyond so many, the others wait for it.
constexpr std::size_t most_due = 32;

// How many hosts that can't leave the memory are passed over before it is given up for now.
constexpr int most_passed_over = 64;

constexpr auto pause_after_failure = std::chrono::seconds(30);

constexpr const char* step = "loading a saved certificate";

/// One loader less, at its end.
class counted_loader
{
public:
    explicit counted_loader(std::size_t& n)
        : n_(n)
    {}
    counted_loader(const counted_loader&) = delete;
    counted_loader& operator=(const counted_loader&) = delete;
    ~counted_loader() { --n_; }

private:
    std::size_t& n_;
};

asio::awaitable<bool> completed(asio::awaitable<void> operation)
{
    co_await std::move(operation);
    co_return true;
}

} // namespace

// The stored certificates of a store that has just been opened; all are to be read once, for their dates.
void manager::core::leave_in_store(std::vector<std::string> hosts)
{
    for (auto& host : hosts)
        stored_.emplace(host, std::nullopt);
    for (auto& host : options_.pinned_hosts)
        if (stored_.contains(host))
            loads_.push_back(host);
    for (auto& host : hosts)
        if (!options_.pinned_hosts.contains(host))
            loads_.push_back(std::move(host));
}

// A host, or the wildcard over it, whose certificate is in the store only.
std::optional<std::string> manager::core::stored_name(const std::string& host) const
{
    if (stored_.contains(host))
        return host;
    auto dot = host.find('.');
    auto wildcard = dot == host.npos ? std::string() : "*" + host.substr(dot);
    return stored_.contains(wildcard) ? std::make_optional(wildcard) : std::nullopt;
}

bool manager::core::may_load() const
{
    return options_.max_resident == 0 || polls_.size() + due_.size() < most_due;
}

void manager::core::start_loads()
{
    for (; loading_ < most_loads && loading_ < loads_.size() && may_load(); ++loading_)
        spawn(load_in_line());
}

asio::awaitable<void> manager::core::load_in_line()
{
    const counted_loader here(loading_);
    while (!loads_.empty() && may_load()) {
        auto host = std::move(loads_.front());
        loads_.pop_front();
        std::optional<error> failure;
        try {
            co_await fetch(host);
        } catch (const error& e) {
            if (e.code() == asio::error::operation_aborted)
                throw;
            failure = e;
        }
        if (!failure)
            continue;
        state_refused told{keys_.certificate(host), *failure};
        tell(told);
        loads_.push_back(host);
        co_await options_.clock->async_wait(pause_after_failure);
    }
}

asio::awaitable<void> manager::core::fetch_within(
    std::string host, std::optional<std::chrono::steady_clock::duration> wait)
{
    if (!wait) {
        co_await fetch(host);
        co_return;
    }
    const auto limit = std::chrono::ceil<std::chrono::seconds>(*wait);
    auto done = co_await async_within(*options_.clock, limit, completed(fetch(host)));
    if (!done)
        throw error(make_error_code(errc::timed_out), step, "the store does not answer in time").with_host(host);
}

// Who comes second waits for the first, and finds nothing left to do.
asio::awaitable<void> manager::core::fetch(std::string host)
{
    auto key = keys_.certificate(host);
    auto turn = co_await save_locks_->async_lock(key);
    if (!stored_.contains(host))
        co_return;
    state one;
    std::optional<error> unusable;
    try {
        auto value = co_await store_->async_load(key);
        if (value)
            decode_object(one, keys_, key, *value, "the store");
    } catch (const error& e) {
        if (!is_unusable(e))
            throw;
        unusable = e;
    }
    auto place = stored_.find(host);
    if (place == stored_.end())
        co_return;
    auto planned = place->second;
    stored_.erase(place);
    if (unusable) {
        state_refused told{key, *unusable};
        tell(told);
    } else if (auto it = one.certificates.find(host); it != one.certificates.end()) {
        take_in(host, std::move(it->second), planned);
    }
}

// `planned` is the next step of an earlier stay in memory.
void manager::core::take_in(const std::string& host, certificate_record record, std::optional<time_point> planned)
{
    const auto at = now();
    const bool pollable = !record.certificate->renewal_id().empty();
    if (pollable)
        resume_polls(record.plan, at, options_.random());
    if (pollable && planned)
        record.plan.poll_at = std::min(record.plan.poll_at, std::max(*planned, at));
    const auto next = next_step(record.plan, at);
    const bool taken = with_state([&](state& s) {
        auto [place, is_new] = s.certificates.try_emplace(host, record);
        if (is_new)
            index_->certificates.insert(host, record.certificate);
        return is_new;
    });
    if (!taken)
        return;
    if (!issuances_.contains(host))
        schedule_.set(host, ceded_until(host).value_or(next));
    wake();
    make_room();
}

void manager::core::make_room()
{
    if (options_.max_resident == 0 || !store_ || stopped_)
        return;
    auto resident = with_state([](const state& s) { return s.certificates.size(); });
    for (int passed_over = 0; resident > options_.max_resident && passed_over < most_passed_over;) {
        auto host = index_->certificates.next_cold();
        if (!host)
            return;
        if (may_leave(*host) && put_away(*host)) {
            --resident;
            continue;
        }
        // So that it is not the coldest next time.
        index_->certificates.find(*host);
        ++passed_over;
    }
}

// Whoever is in use, or newer than what the store has, stays.
bool manager::core::may_leave(const std::string& host) const
{
    if (options_.pinned_hosts.contains(host) || issuances_.contains(host) || due_.contains(host) ||
        polled_.contains(host))
        return false;
    auto key = keys_.certificate(host);
    const auto at = now();
    if (queued_.contains(key) || saving_.contains(key))
        return false;
    const bool is_ceded = ceded_until(host).has_value();
    return with_state([&](const state& s) {
        auto it = s.certificates.find(host);
        return it != s.certificates.end() && (is_ceded || next_step(it->second.plan, at) > at) &&
            !unsaved_.contains(key) && !unstored_.contains(key);
    });
}

// Until when its refresh is left to another manager; empty where it is not.
std::optional<time_point> manager::core::ceded_until(const std::string& host) const
{
    const auto place = group_.ceded.find(host);
    if (place == group_.ceded.end() || place->second + precedence <= now())
        return std::nullopt;
    return place->second + precedence;
}

bool manager::core::put_away(const std::string& host)
{
    std::optional<certificate_record> record;
    with_state([&](state& s) {
        auto it = s.certificates.find(host);
        if (it == s.certificates.end())
            return;
        record = std::move(it->second);
        s.certificates.erase(it);
    });
    if (!record)
        return false;
    stored_[host] = ceded_until(host).value_or(next_step(record->plan, now()));
    index_->certificates.erase(host, record->certificate);
    return true;
}

} // namespace acme
