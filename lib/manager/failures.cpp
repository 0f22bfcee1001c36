#include "manager/core.hpp"
#include "protocol/printable.hpp"
#include "protocol/rate_limit_scope.hpp"

// What follows from an issuance that failed.
namespace acme {
namespace {

// A name that does not lead here costs the CA nothing, and its owner may be about to mend that.
constexpr std::chrono::hours longest_unreachable{1};

// What is saved of an error's text.
constexpr std::size_t longest_note = 500;

constexpr const char* step = "issuance";

// Whether the CA has said that nothing will come of the order; other failures leave it to be taken up again.
bool order_is_dead(const boost::system::error_code& ec)
{
    return ec == errc::order_invalid || ec == errc::authorization_invalid || ec == errc::certificate_rejected ||
        ec == errc::no_usable_challenge || ec == errc::host_not_allowed || ec == errc::bad_csr ||
        ec == errc::no_certificate;
}

// An attempt that a CA in trouble ended does not count against its order.
bool says_nothing_of_the_order(const error& e)
{
    return e.code().category() != acme_category() || e.code() == errc::rate_limited ||
        (e.problem() && e.problem()->status >= 500);
}

} // namespace

void manager::core::fail(issuance& running, const error& e)
{
    const bool refused = e.code() == errc::host_not_allowed || e.code() == errc::too_many_new_hosts ||
        e.code() == errc::self_check_failed;
    // What keeps this manager from the store, or from its limits, says nothing of the host.
    const bool may_ask = running.ordering && running.admitted;
    const bool is_of_store = (e.code() == errc::store_unavailable && !running.used_token) ||
        (!may_ask && (group_.cut_off || e.code().category() != acme_category()));
    const bool cut_off = group_.changes && !running.refresh && is_of_store;
    if (cut_off)
        put_back_new_host_tokens(running);
    if (e.code() == errc::recently_failed)
        fail_as_others_did(running, e);
    else if ((refused && !running.admitted) || cut_off)
        fail_to_admit(running, e);
    else
        fail_at_the_ca(running, e);
}

// Another manager has, while this one waited for its turn.
void manager::core::fail_as_others_did(issuance& running, const error& e)
{
    put_back_new_host_tokens(running);
    put_back_token(running, e);
    running.failure = e.with_host(running.host);
    complete(running);
    reschedule(running.host);
    host_refused told{running.host, running.hello.client_address, *running.failure};
    if (!running.refresh)
        tell(told);
}

void manager::core::fail_at_the_ca(issuance& running, const error& e)
{
    count_resumption(running.host, e);
    put_back_token(running, e);
    pause_whom_it_concerns(running.host, e);
    bool served = with_state([&](const state& s) { return s.certificates.contains(running.host); });
    auto advice = served ? postpone_refresh(running.host, e) : remember_failure(running.host, e);
    remember_failed_challenge(running, e);
    running.failure = e.with_host(running.host).with_retry(advice);
    complete(running);
    issuance_failed told{running.host, running.refresh, *running.failure};
    tell(told);
}

// An order is taken up again until the CA declares it dead, or until it has led nowhere a few times.
void manager::core::count_resumption(const std::string& host, const error& e)
{
    bool known = with_state([&](state& s) {
        auto it = s.orders.find(host);
        if (it == s.orders.end())
            return false;
        if (order_is_dead(e.code()))
            s.orders.erase(it);
        else if (says_nothing_of_the_order(e) && it->second.attempts > 0)
            --it->second.attempts;
        return true;
    });
    if (known)
        changed({keys_.order(host)});
}

// A limit of the account or of a registered domain holds for other hosts too: asking for them only makes it worse.
void manager::core::pause_whom_it_concerns(const std::string& host, const error& e)
{
    // A refusal of our own tells nothing new.
    if (e.code() != errc::rate_limited || !e.problem() || !e.problem()->retry_after || e.step() == step)
        return;
    auto scope = scope_of(*e.problem(), host);
    if (scope.what == rate_limit_scope::kind::host)
        return;
    auto at = now();
    with_state([&](state& s) {
        if (!s.limits)
            s.limits.emplace();
        auto& pauses = s.limits->pauses;
        std::erase_if(pauses, [&](const auto& each) { return !in_force(each.second, at); });
        if (pauses.size() >= max_pauses)
            return;
        auto& pause = pauses[scope.domain];
        pause.until = *e.problem()->retry_after;
        pause.count = 1;
        pause.why = printable(e.what(), longest_note);
        pause.since = at;
    });
    changed({keys_.limits()});
}

retry_advice manager::core::remember_failure(const std::string& host, const error& e)
{
    auto at = now();
    retry_advice advice;
    std::set<std::string> keys;
    with_state([&](state& s) {
        auto last = s.failures.find(host);
        pause_record pause;
        pause.count = last == s.failures.end() ? 1 : last->second.count + 1;
        if (last != s.failures.end())
            pause.failed_challenge = last->second.failed_challenge;
        advice = disposition(e.code(), e.problem(), pause.count, at, options_.random());
        pause.until = earliest_attempt(advice, at);
        pause.unreachable = e.code() == errc::self_check_failed;
        if (pause.unreachable && pause.until > at + longest_unreachable) {
            pause.until = at + longest_unreachable;
            advice = retry_advice::at(pause.until);
        }
        // Who asks for names that lead nowhere must not have something saved by each.
        if (!pause.unreachable)
            keys.insert(keys_.failure(host));
        pause.why = printable(e.what(), longest_note);
        pause.since = at;
        for (const auto& forgotten : acme::remember_failure(s, host, std::move(pause), options_.max_failures))
            keys.insert(keys_.failure(forgotten));
    });
    if (!keys.empty())
        changed(std::move(keys));
    return advice;
}

void manager::core::forget_failure(const std::string& host)
{
    bool known = with_state([&](state& s) { return s.failures.erase(host) > 0; });
    if (known)
        changed({keys_.failure(host)});
}

retry_advice manager::core::postpone_refresh(const std::string& host, const error& e)
{
    auto at = now();
    auto due = at;
    with_state([&](state& s) {
        auto it = s.certificates.find(host);
        if (it == s.certificates.end())
            return;
        auto& record = it->second;
        refresh_failed(record.plan, validity_of(*record.certificate), e.code(), e.problem(), at, options_.random());
        record.last_problem = printable(e.what(), longest_note);
        due = refresh_due(record.plan, at);
        schedule_.set(host, next_step(record.plan, at));
    });
    changed({keys_.certificate(host)});
    return retry_advice::at(due);
}

} // namespace acme
