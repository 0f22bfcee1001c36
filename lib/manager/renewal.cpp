#include "manager/core.hpp"

#include <algorithm>
#include <functional>

namespace acme {
namespace {

constexpr std::size_t most_polls = 8;

// Refreshes that wait for another manager leave their places to others, so that none is idle; but there is an end to
// that.
constexpr std::size_t most_yielding = 8;

constexpr auto pause_while_cut_off = std::chrono::minutes(1);

/// Counts a poll under way.
class counted
{
public:
    counted(std::size_t& n, std::function<void()> then)
        : n_(n)
        , then_(std::move(then))
    {}
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted()
    {
        --n_;
        then_();
    }

private:
    std::size_t& n_;
    std::function<void()> then_;
};

} // namespace

// Sorts the hosts whose time has come into those to refresh and those to ask the CA about.
void manager::core::take_what_is_due()
{
    auto at = now();
    for (auto& host : schedule_.take_due(at)) {
        std::optional<certificate_record> record;
        with_state([&](const state& s) {
            if (auto it = s.certificates.find(host); it != s.certificates.end())
                record = it->second;
        });
        if (!record && stored_.contains(host))
            loads_.push_front(host);
        if (!record || issuances_.contains(host) || index_->own.find_or_wildcard(host))
            continue;
        auto due = refresh_due(record->plan, at);
        if (due > at && group_.changes && !is_ours(host)) {
            leave_poll_to_others(host);
        } else if (due > at) {
            if (polled_.insert(host).second)
                polls_.push_back(host);
            schedule_.set(host, due);
        } else if (allowed(host)) {
            due_.set(host, urgency(record->plan, validity_of(*record->certificate), at));
        }
    }
}

// Whoever asks the CA saves what is new.
void manager::core::leave_poll_to_others(const std::string& host)
{
    const auto at = now();
    auto next = at;
    with_state([&](state& s) {
        auto& plan = s.certificates.at(host).plan;
        resume_polls(plan, at, options_.random());
        next = next_step(plan, at);
    });
    schedule_.set(host, next);
}

void manager::core::start_due_refreshes()
{
    next_token_.reset();
    while (due_.first() && refreshing_ < options_.max_issuances && yielding_ < most_yielding * options_.max_issuances) {
        auto host = *due_.first();
        if (!manages(host)) {
            due_.erase(host);
            continue;
        }
        if (cede(host, now())) {
            due_.erase(host);
            continue;
        }
        if (token_waiters_ > 0 && !can_not_wait(host))
            return;
        if (group_.cut_off && !can_not_wait(host)) {
            due_.erase(host);
            schedule_.set(host, now() + pause_while_cut_off);
            continue;
        }
        if (auto until = paused_until(host)) {
            due_.erase(host);
            schedule_.set(host, *until);
            continue;
        }
        auto at = now();
        bool resumes = with_state([&](const state& s) { return s.orders.contains(host); });
        auto wait = std::chrono::system_clock::duration::zero();
        // A group's tokens are taken from the store, by the issuance itself.
        const bool takes_token = !resumes && !group_.changes;
        if (takes_token)
            wait = with_state(
                [&](state& s) { return take_token(s, &limit_record::requests, options_.limits.requests, at); });
        if (wait > wait.zero()) {
            next_token_ = at + wait;
            return;
        }
        due_.erase(host);
        start(host, true)->holds_token = takes_token;
    }
}

// Spread a little, since all names of an account or a domain wait for the same moment.
std::optional<std::chrono::system_clock::time_point> manager::core::paused_until(const std::string& host)
{
    std::optional<std::chrono::system_clock::time_point> until;
    with_state([&](const state& s) {
        if (auto* pause = find_pause(s, host, now()))
            until = pause->until;
    });
    if (until)
        *until += std::chrono::seconds(options_.random() % 300);
    return until;
}

void manager::core::start_polls()
{
    while (polling_ < most_polls && !polls_.empty()) {
        auto host = std::move(polls_.front());
        polls_.pop_front();
        ++polling_;
        spawn(poll(std::move(host)));
    }
}

asio::awaitable<void> manager::core::poll(std::string host)
{
    // Whatever becomes of it, the next one gets its turn.
    auto next_turn = [this, host] {
        polled_.erase(host);
        make_room();
        wake();
    };
    counted under_way(polling_, next_turn);
    if (stored_.contains(host))
        co_await fetch(host);
    certificate_ptr c;
    std::optional<renewal_info> info;
    std::optional<error> failure;
    with_state([&](const state& s) {
        if (auto it = s.certificates.find(host); it != s.certificates.end())
            c = it->second.certificate;
    });
    if (c) {
        try {
            auto ca = current_client();
            info = co_await ca->async_renewal_info(c->renewal_id());
        } catch (const error& e) {
            failure = e;
        }
    }
    if (c && !stopped_)
        take_poll(host, c, info, failure);
}

void manager::core::take_poll(const std::string& host, const certificate_ptr& c,
    const std::optional<renewal_info>& info, const std::optional<error>& failure)
{
    bool known = false, news = false;
    renewal_plan plan;
    auto at = now();
    with_state([&](state& s) {
        auto it = s.certificates.find(host);
        known = it != s.certificates.end() && it->second.certificate == c;
        if (!known)
            return;
        auto v = validity_of(*c);
        auto& record = it->second;
        if (failure)
            poll_failed(record.plan, failure->code(), failure->problem(), at, options_.random());
        else if (info)
            news = take_window(record.plan, v, *info, at, options_.random());
        else
            take_silence(record.plan, v, at, options_.random());
        plan = record.plan;
    });
    if (!known)
        return;
    reschedule(host);
    if (failure) {
        renewal_info_failed told{host, *failure};
        tell(told);
    }
    if (news) {
        changed({keys_.certificate(host)});
        renewal_suggested told;
        told.host = host;
        told.start = info->start;
        told.end = info->end;
        told.explanation_url = info->explanation_url;
        told.refresh_at = plan.refresh_at;
        tell(told);
    }
}

// What is under way, or about to be, schedules itself.
void manager::core::reschedule(const std::string& host)
{
    if (issuances_.contains(host) || due_.contains(host))
        return;
    std::optional<std::chrono::system_clock::time_point> next;
    with_state([&](const state& s) {
        if (auto it = s.certificates.find(host); it != s.certificates.end())
            next = next_step(it->second.plan, now());
    });
    if (next)
        schedule_.set(host, *next);
}

} // namespace acme
