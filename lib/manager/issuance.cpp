#include "manager/challenge_responder.hpp"
#include "manager/core.hpp"
#include "manager/shared_responder.hpp"

#include <boost/asio/this_coro.hpp>

namespace acme {
namespace {

// An order that can neither be finished nor is refused is given up for a new one.
constexpr unsigned most_resumptions = 3;

constexpr int most_locks = 3;

constexpr const char* step = "issuance";

std::chrono::milliseconds since(std::chrono::system_clock::time_point start, std::chrono::system_clock::time_point end)
{
    return std::chrono::duration_cast<std::chrono::milliseconds>(end - start);
}

/// Counts who waits for a token.
class waiting_for_token
{
public:
    explicit waiting_for_token(std::size_t& n)
        : n_(n)
    {
        ++n_;
    }
    waiting_for_token(const waiting_for_token&) = delete;
    waiting_for_token& operator=(const waiting_for_token&) = delete;
    ~waiting_for_token() { --n_; }

private:
    std::size_t& n_;
};

/// Completes an issuance whose end was cut short, so that nobody waits for it for ever.
class unfinished
{
public:
    unfinished(issuance& i, std::function<void(issuance&)> complete)
        : issuance_(i)
        , complete_(std::move(complete))
    {}
    unfinished(const unfinished&) = delete;
    unfinished& operator=(const unfinished&) = delete;
    ~unfinished()
    {
        if (issuance_.done)
            return;
        issuance_.failure = error(make_error_code(errc::unexpected_answer), step).with_host(issuance_.host);
        complete_(issuance_);
    }

private:
    issuance& issuance_;
    std::function<void(issuance&)> complete_;
};

error current_error()
{
    try {
        throw;
    } catch (const error& e) {
        return e;
    } catch (const boost::system::system_error& e) {
        return error(e.code(), step, e.what());
    } catch (const std::exception& e) {
        return error(make_error_code(errc::unexpected_answer), step, e.what());
    } catch (...) {
        return error(make_error_code(errc::unexpected_answer), step, "an exception of a type of its own");
    }
}

} // namespace

std::shared_ptr<issuance> manager::core::start(const std::string& host, bool refresh)
{
    auto running = std::make_shared<issuance>(strand_, host, refresh);
    running->started = now();
    issuances_[host] = running;
    schedule_.erase(host);
    due_.erase(host);
    if (refresh)
        ++refreshing_;
    ensure_supervised();
    spawn(issue(running));
    return running;
}

asio::awaitable<void> manager::core::issue(std::shared_ptr<issuance> running)
{
    host_lock lock(group_, running->host);
    std::optional<error> failure;
    certificate_ptr result;
    try {
        result = co_await obtain(running, lock);
    } catch (...) {
        failure = current_error();
    }
    if (!running->done) {
        const unfinished guard(*running, [this](issuance& i) { complete(i); });
        if (failure)
            fail(*running, *failure);
        else
            succeed(*running, result);
    }
    running->place = slots::lease();
    co_await leave_to_others(running, lock);
}

asio::awaitable<certificate_ptr> manager::core::obtain(std::shared_ptr<issuance> running, host_lock& lock)
{
    auto host = running->host;
    const bool resumed = with_state([&](const state& s) { return s.orders.contains(host); });
    const bool is_new = !running->refresh && !resumed;
    std::optional<certificate_record> record;
    if (is_new)
        record = co_await stored_certificate(host, true);
    if (record)
        put_back_client_token(*running);
    else if (is_new)
        co_await admit(running);
    running->admitted = !is_new || !group_.changes;
    if (!record && !resumed && !running->holds_token && !group_.changes)
        co_await take_request_token(running);
    for (int attempt = 1;; ++attempt) {
        try {
            co_return co_await obtain_in_turn(running, record, is_new, lock);
        } catch (const error& e) {
            if (e.code() != errc::lock_lost || attempt == most_locks)
                throw;
        }
        // Whoever has it now may obtain the certificate.
        running->ordering = false;
        running->place = slots::lease();
        lock.release();
    }
}

asio::awaitable<certificate_ptr> manager::core::obtain_in_turn(
    std::shared_ptr<issuance> running, std::optional<certificate_record> record, bool is_new, host_lock& lock)
{
    auto host = running->host;
    running->place = co_await issuance_places_.async_acquire();
    co_await lock_orders(running, lock);
    if (running->done)
        co_return running->result;
    if (!record)
        record = co_await stored_certificate(host, !is_new);
    // Word of it may have come meanwhile.
    if (running->done)
        co_return running->result;
    running->ordering = true;
    const bool is_saved = record.has_value();
    if (is_saved) {
        put_back_new_host_tokens(*running);
    } else {
        co_await heed_others(running);
        refuse_if_given_up(*running);
        co_await reload_order(host);
        co_await admit_to_group(running);
        auto obtained = co_await order_certificate(running);
        record = make_record(host, obtained);
        record->challenge = succeeded_challenge(*running);
    }
    if (!allowed(host))
        throw error(make_error_code(errc::host_not_allowed), step);
    refuse_if_given_up(*running);
    co_return co_await install(running, *record, is_saved);
}

asio::awaitable<certificate_ptr> manager::core::order_certificate(std::shared_ptr<issuance> running)
{
    auto c = co_await registered_client();
    try {
        co_return co_await order_once(c, running);
    } catch (const error& e) {
        if (e.code() != errc::account_does_not_exist)
            throw;
    }
    // The CA forgot the account (a test CA restarted): register its key again, once.
    forget_account_url(c);
    c = co_await registered_client();
    co_return co_await order_once(c, running);
}

// An order that an earlier attempt, or an earlier process, left behind; empty where there is none.
order_record manager::core::unfinished_order(const std::string& host)
{
    bool found = false;
    auto take = [&](state& s) {
        auto it = s.orders.find(host);
        found = it != s.orders.end();
        if (found && ++it->second.attempts <= most_resumptions)
            return it->second;
        if (found)
            s.orders.erase(it);
        return order_record();
    };
    auto record = with_state(take);
    if (found)
        changed({keys_.order(host)});
    return record;
}

// The certificate that an order replaces, in the words of RFC 9773; empty where the CA has no ear for it.
asio::awaitable<std::string> manager::core::replaced_by(std::shared_ptr<client> c, std::string host)
{
    std::string id;
    with_state([&](const state& s) {
        if (auto it = s.certificates.find(host); it != s.certificates.end())
            id = it->second.certificate->renewal_id();
    });
    if (id.empty())
        co_return id;
    auto offered = co_await c->async_directory();
    if (offered.renewal_info.empty())
        id.clear();
    co_return id;
}

asio::awaitable<certificate_ptr> manager::core::order_once(std::shared_ptr<client> c, std::shared_ptr<issuance> running)
{
    auto host = running->host;
    auto saved = unfinished_order(host);
    if (!saved.url.empty())
        co_await save_before_asking(keys_.order(host), host);
    obtain_request request;
    request.order.identifiers.emplace_back("dns", host);
    request.order.profile = options_.profile;
    request.order.replaces = co_await replaced_by(c, host);
    request.certificate_key = saved.certificate_key ? saved.certificate_key : key::generate();
    request.order_url = saved.url;
    request.timeout = options_.issuance_timeout;
    request.order_placed = [this, host, k = request.certificate_key](
                               const order& o) { return save_order(host, k, o.url); };
    request.before_new_order = [this, running] { return use_request_token(running); };
    auto retire = [this](std::string server_name, certificate_ptr answer) {
        if (stopped_)
            index_->challenges.erase(server_name, answer);
        else
            spawn(retire_challenge(std::move(server_name), std::move(answer)));
    };
    tls_alpn_responder over_tls(index_, options_.clock, retire);
    http_responder over_http(index_, options_.challenge_grace);
    auto chosen = [running](const std::string& type) { running->challenge = type; };
    challenge_responder here(challenge_types(host), over_tls, over_http, chosen);
    auto publish = [this, running](std::string name, challenge which, std::string key_authorization) {
        running->published = true;
        return publish_challenge(std::move(name), std::move(which), std::move(key_authorization));
    };
    shared_responder responder(here, publish);
    co_return co_await c->async_obtain(std::move(request), responder);
}

asio::awaitable<void> manager::core::save_order(std::string host, key certificate_key, std::string url)
{
    with_state([&](state& s) {
        auto& record = s.orders[host];
        if (record.url != url)
            record.attempts = 0;
        record.url = url;
        record.certificate_key = certificate_key;
        unsaved_.insert(keys_.order(host));
    });
    watchers_.notify();
    co_await save_before_asking(keys_.order(host), host);
}

// Validations may straggle in after the authorization is final.
asio::awaitable<void> manager::core::retire_challenge(std::string server_name, certificate_ptr answer)
{
    try {
        co_await options_.clock->async_wait(options_.challenge_grace);
    } catch (const boost::system::system_error&) {
        // Cancelled: it goes now.
    }
    index_->challenges.erase(server_name, answer);
}

asio::awaitable<void> manager::core::take_request_token(std::shared_ptr<issuance> running)
{
    // Its place is for those who need no token. Of the refreshes that can wait one is in line with the new hosts.
    slots::lease refresh_turn;
    if (running->refresh && !can_not_wait(running->host)) {
        if (!refresh_turn_.unused())
            running->place = slots::lease();
        refresh_turn = co_await refresh_turn_.async_acquire();
    }
    waiting_for_token waiting(token_waiters_);
    if (!request_turn_.unused())
        running->place = slots::lease();
    auto turn = co_await request_turn_.async_acquire();
    while (!running->done && !running->holds_token) {
        std::optional<error> failure;
        auto wait = std::chrono::system_clock::duration::zero();
        try {
            wait = co_await take_limit_token(&limit_record::requests, options_.limits.requests);
        } catch (const error& e) {
            failure = e;
        }
        // Of tokens that can't be counted, a certificate near its end needs none.
        if (failure && can_not_wait(running->host))
            break;
        if (failure)
            throw *failure;
        if (wait > wait.zero()) {
            running->place = slots::lease();
            co_await wait_for_token(running, wait);
        } else {
            running->holds_token = true;
        }
    }
    if (running->done && running->holds_token)
        put_back_limit_token(&limit_record::requests, options_.limits.requests);
    wake();
}

// On the disk before the CA hears of the order, so that no restart spends it again.
asio::awaitable<void> manager::core::use_request_token(std::shared_ptr<issuance> running)
{
    if (!running->holds_token)
        co_await take_request_token(running);
    if (!running->place)
        running->place = co_await issuance_places_.async_acquire();
    refuse_if_limited(running->host);
    refuse_if_lock_lost(running->host);
    running->used_token = std::exchange(running->holds_token, false);
    // What a group shares is saved as it is taken.
    if (!group_.changes)
        co_await save_before_asking(keys_.limits(), running->host);
}

// What the CA refused to another host while this one was in line it would refuse to this one too.
void manager::core::refuse_if_limited(const std::string& host) const
{
    std::optional<pause_record> pause;
    with_state([&](const state& s) {
        if (auto* found = find_pause(s, host, now()))
            pause = *found;
    });
    if (!pause)
        return;
    problem p;
    p.type = "urn:ietf:params:acme:error:rateLimited";
    p.status = 429;
    p.detail = pause->why;
    p.retry_after = pause->until;
    throw error(make_error_code(errc::rate_limited), step, std::move(p));
}

// A token that no order was placed with.
void manager::core::put_back_token(const issuance& running, const error& e)
{
    const bool never_asked = e.step() == "directory" || e.step() == "newNonce" || e.step() == "saving the state";
    if (running.holds_token || (running.used_token && never_asked))
        put_back_limit_token(&limit_record::requests, options_.limits.requests);
}

void manager::core::refuse_if_given_up(const issuance& running) const
{
    if (running.given_up)
        throw error(make_error_code(errc::no_certificate), step, "the host was given up meanwhile");
}

asio::awaitable<certificate_ptr> manager::core::install(
    std::shared_ptr<issuance> running, certificate_record record, bool is_saved)
{
    auto host = running->host;
    if (is_saved && !record.certificate->renewal_id().empty())
        resume_polls(record.plan, now(), options_.random());
    // Marked together with the change: a save that is cancelled before it begins must not be forgotten.
    with_state([&](state& s) {
        s.certificates[host] = record;
        if (is_saved)
            return;
        unsaved_.insert(keys_.certificate(host));
        unstored_.insert(keys_.certificate(host));
    });
    if (!is_saved)
        co_await save(keys_.certificate(host));
    // Not before: whoever dies in between leaves the one or the other.
    with_state([&](state& s) {
        s.orders.erase(host);
        unsaved_.insert(keys_.order(host));
    });
    refuse_if_given_up(*running);
    // Others may have replaced it meanwhile, or given the host up.
    with_state([&](const state& s) {
        auto now_there = s.certificates.find(host);
        if (now_there != s.certificates.end())
            record = now_there->second;
        else if (group_.changes)
            running->given_up = true;
    });
    refuse_if_given_up(*running);
    stored_.erase(host);
    index_->certificates.insert(host, record.certificate);
    schedule_.set(host, next_step(record.plan, now()));
    changed({keys_.order(host)});
    make_room();
    co_return record.certificate;
}

certificate_record manager::core::make_record(const std::string& host, certificate_ptr c)
{
    certificate_record r;
    std::optional<replaced_certificate> earlier;
    with_state([&](const state& s) {
        if (auto it = s.certificates.find(host); it != s.certificates.end())
            earlier.emplace(validity_of(*it->second.certificate), it->second.plan.hurried);
    });
    r.plan = plan_renewal(validity_of(*c), !c->renewal_id().empty(), earlier, now(), options_.random());
    r.certificate = std::move(c);
    return r;
}

void manager::core::succeed(issuance& running, certificate_ptr c)
{
    forget_failure(running.host);
    if (running.holds_token)
        put_back_limit_token(&limit_record::requests, options_.limits.requests);
    if (!running.ordering)
        put_back_new_host_tokens(running);
    running.result = std::move(c);
    complete(running);
    certificate_obtained told;
    told.host = running.host;
    told.certificate = running.result;
    told.refresh = running.refresh;
    told.took = since(running.started, now());
    told.next_refresh = with_state([&](const state& s) {
        auto it = s.certificates.find(running.host);
        return it == s.certificates.end() ? told.next_refresh : it->second.plan.refresh_at;
    });
    tell(told);
}

void manager::core::complete(issuance& running)
{
    running.done = true;
    // Not just cancelled: who is about to wait must not wait for ever.
    running.finished.expires_at(asio::steady_timer::time_point::min());
    if (running.refresh)
        --(running.yields ? yielding_ : refreshing_);
    issuances_.erase(running.host);
    running.stranger.reset();
    make_room();
    wake();
}

} // namespace acme
