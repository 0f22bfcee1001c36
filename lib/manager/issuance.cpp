#include "manager/core.hpp"
#include "manager/tls_alpn_responder.hpp"

#include <acme/renewal.hpp>

namespace acme {
namespace {

// A certificate that lives for seconds must not lead to an order every second.
constexpr auto shortest_refresh = std::chrono::minutes(1);

// An order that can neither be finished nor is refused is given up for a new one.
constexpr unsigned most_resumptions = 3;

constexpr const char* step = "issuance";

std::chrono::milliseconds since(std::chrono::system_clock::time_point start, std::chrono::system_clock::time_point end)
{
    return std::chrono::duration_cast<std::chrono::milliseconds>(end - start);
}

// Whether the CA has said that nothing will come of the order; other failures leave it to be taken up again.
bool order_is_dead(const boost::system::error_code& ec)
{
    return ec == errc::order_invalid || ec == errc::authorization_invalid || ec == errc::certificate_rejected ||
        ec == errc::no_usable_challenge || ec == errc::host_not_allowed || ec == errc::bad_csr;
}

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
    }
}

} // namespace

std::shared_ptr<issuance> manager::core::start(const std::string& host, bool refresh)
{
    auto running = std::make_shared<issuance>(strand_, host, refresh);
    running->started = now();
    issuances_[host] = running;
    schedule_.erase(host);
    ensure_supervised();
    spawn(issue(running));
    return running;
}

asio::awaitable<void> manager::core::issue(std::shared_ptr<issuance> running)
{
    std::optional<error> failure;
    certificate_ptr result;
    try {
        result = co_await obtain(running);
    } catch (...) {
        failure = current_error();
    }
    if (running->done)
        co_return;
    if (failure)
        fail(*running, *failure);
    else
        succeed(*running, result);
}

asio::awaitable<certificate_ptr> manager::core::obtain(std::shared_ptr<issuance> running)
{
    auto host = running->host;
    bool resumed = with_state([&](const state& s) { return s.orders.contains(host); });
    if (!resumed)
        co_await take_request_token();
    auto place = co_await issuance_places_.async_acquire();
    std::unique_ptr<store::lock> lock;
    if (store_)
        lock = co_await store_->async_lock(keys_.prefix() + "issue/" + host);
    auto record = co_await stored_certificate(host);
    if (!record) {
        auto obtained = co_await order_certificate(host);
        record = make_record(obtained);
    }
    if (!allowed(host))
        throw error(make_error_code(errc::host_not_allowed), step);
    co_await install(host, *record);
    co_return record->certificate;
}

// A second look, now that nobody else can be ordering: another manager on the same store may have been faster.
asio::awaitable<std::optional<certificate_record>> manager::core::stored_certificate(std::string host)
{
    std::optional<certificate_record> found;
    if (!store_)
        co_return found;
    auto key = keys_.certificate(host);
    auto value = co_await store_->async_load(key);
    if (!value)
        co_return found;
    try {
        state s;
        decode_object(s, keys_, key, *value, "the store");
        found = s.certificates.at(host);
    } catch (const error& e) {
        state_refused refused{key, e};
        tell(refused);
        co_return std::nullopt;
    }
    auto ours = index_->certificates.find(host);
    bool known = ours && ours->serial() == found->certificate->serial();
    if (known || found->next_refresh <= now() || found->certificate->not_after() <= now())
        found.reset();
    co_return found;
}

asio::awaitable<certificate_ptr> manager::core::order_certificate(std::string host)
{
    auto c = co_await registered_client();
    try {
        co_return co_await order_once(c, host);
    } catch (const error& e) {
        if (e.code() != errc::account_does_not_exist)
            throw;
    }
    // The CA forgot the account (a test CA restarted): register its key again, once.
    forget_account_url(c);
    c = co_await registered_client();
    co_return co_await order_once(c, host);
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

asio::awaitable<certificate_ptr> manager::core::order_once(std::shared_ptr<client> c, std::string host)
{
    auto saved = unfinished_order(host);
    obtain_request request;
    request.order.identifiers.emplace_back("dns", host);
    request.order.profile = options_.profile;
    request.certificate_key = saved.certificate_key ? saved.certificate_key : key::generate();
    request.order_url = saved.url;
    request.timeout = options_.issuance_timeout;
    request.before_finalize = [this, host, k = request.certificate_key](
                                  const order& o) { return save_order(host, k, o.url); };
    if (!saved.url.empty())
        request.before_new_order = [this] { return take_request_token(); };
    auto retire = [this](std::string server_name, certificate_ptr answer) {
        if (stopped_)
            index_->challenges.erase(server_name, answer);
        else
            spawn(retire_challenge(std::move(server_name), std::move(answer)));
    };
    tls_alpn_responder responder(index_, options_.clock, retire);
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
    co_await save(keys_.order(host));
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

asio::awaitable<void> manager::core::take_request_token()
{
    auto turn = co_await request_turn_.async_acquire();
    for (;;) {
        auto at = now();
        auto wait =
            with_state([&](state& s) { return take_token(s, &limit_record::requests, options_.limits.requests, at); });
        if (wait <= wait.zero())
            break;
        co_await options_.clock->async_wait(wait);
    }
    changed({keys_.limits()});
}

asio::awaitable<void> manager::core::install(std::string host, certificate_record record)
{
    // Marked together with the change: a save that is cancelled before it begins must not be forgotten.
    with_state([&](state& s) {
        s.certificates[host] = record;
        s.orders.erase(host);
        unsaved_.insert(keys_.certificate(host));
        unsaved_.insert(keys_.order(host));
    });
    co_await save(keys_.certificate(host));
    index_->certificates.insert(host, record.certificate);
    schedule_.set(host, record.next_refresh);
    changed({keys_.order(host)});
}

certificate_record manager::core::make_record(certificate_ptr c) const
{
    certificate_record r;
    auto due = refresh_time(c->not_before(), c->not_after(), options_.random());
    r.next_refresh = std::max(due, now() + shortest_refresh);
    r.certificate = std::move(c);
    return r;
}

void manager::core::succeed(issuance& running, certificate_ptr c)
{
    failures_.forget(running.host);
    running.result = std::move(c);
    complete(running);
    certificate_obtained told;
    told.host = running.host;
    told.certificate = running.result;
    told.refresh = running.refresh;
    told.took = since(running.started, now());
    told.next_refresh = with_state([&](const state& s) {
        auto it = s.certificates.find(running.host);
        return it == s.certificates.end() ? told.next_refresh : it->second.next_refresh;
    });
    tell(told);
}

void manager::core::fail(issuance& running, const error& e)
{
    if (order_is_dead(e.code())) {
        with_state([&](state& s) { s.orders.erase(running.host); });
        changed({keys_.order(running.host)});
    }
    bool served = with_state([&](const state& s) { return s.certificates.contains(running.host); });
    auto advice = served ? postpone_refresh(running.host, e) : remember_failure(running.host, e);
    running.failure = e.with_host(running.host).with_retry(advice);
    complete(running);
    issuance_failed told{running.host, running.refresh, *running.failure};
    tell(told);
}

retry_advice manager::core::remember_failure(const std::string& host, const error& e)
{
    auto* last = failures_.find(host);
    unsigned count = last ? last->count + 1 : 1;
    auto advice = disposition(e.code(), e.problem(), count, now(), options_.random());
    failure f{e, earliest(advice, now()), count};
    failures_.remember(host, std::move(f));
    return advice;
}

// A refresh is tried until, and past, expiry: what looks permanent is asked again once a day.
retry_advice manager::core::postpone_refresh(const std::string& host, const error& e)
{
    unsigned count = 0;
    with_state([&](state& s) {
        if (auto it = s.certificates.find(host); it != s.certificates.end())
            count = ++it->second.failures;
    });
    auto advice = disposition(e.code(), e.problem(), std::max(count, 1U), now(), options_.random());
    auto due = earliest(advice, now());
    with_state([&](state& s) {
        if (auto it = s.certificates.find(host); it != s.certificates.end())
            it->second.next_refresh = due;
    });
    schedule_.set(host, due);
    changed({keys_.certificate(host)});
    return retry_advice::at(due);
}

void manager::core::complete(issuance& running)
{
    running.done = true;
    // Not just cancelled: who is about to wait must not wait for ever.
    running.finished.expires_at(asio::steady_timer::time_point::min());
    issuances_.erase(running.host);
    wake();
}

} // namespace acme
