#include "client/deadline.hpp"
#include "manager/core.hpp"
#include "protocol/host_name.hpp"
#include "protocol/registered_domain.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>

namespace acme {
namespace {

constexpr const char* step = "certificate request";

asio::awaitable<void> finished(std::shared_ptr<issuance> running)
{
    // Completes when the issuance is done, or the waiter cancelled; `done` tells which.
    co_await running->finished.async_wait(asio::as_tuple(asio::use_awaitable));
}

struct counted_waiter
{
    counted_waiter(std::size_t& all, std::size_t& one)
        : all_(all)
        , one_(one)
    {
        ++all_;
        ++one_;
    }
    counted_waiter(const counted_waiter&) = delete;
    counted_waiter& operator=(const counted_waiter&) = delete;
    ~counted_waiter()
    {
        --all_;
        --one_;
    }

private:
    std::size_t& all_;
    std::size_t& one_;
};

error refusal(errc code, const std::string& host, std::string why = {})
{
    return error(make_error_code(code), step, std::move(why)).with_host(host);
}

} // namespace

asio::awaitable<certificate_ptr> manager::core::get_certificate(
    client_hello hello, std::optional<std::chrono::steady_clock::duration> wait)
{
    const auto& host = hello.server_name;
    if (host.empty() && wait)
        throw error(make_error_code(errc::no_server_name), step);
    // Not only those for which a CA can issue.
    if (auto at_hand = index_->find(host))
        co_return at_hand;
    auto name = normalize_host_name(host);
    if (!name)
        throw error(make_error_code(errc::invalid_host_name), step, name.why).with_host(host);
    if (waiters_ >= options_.max_waiters)
        refuse(refusal(errc::too_many_waiters, *name), hello);
    const counted_client of_client(
        client_waiters_, hello.client_address ? client_key(*hello.client_address) : std::string());
    if (of_client.count() > options_.max_waiters_per_client)
        refuse(refusal(errc::too_many_waiters, *name, "too many of this client"), hello);
    if (auto stored = stored_name(*name)) {
        counted_waiter counted(waiters_, fetching_);
        co_await fetch_within(*stored, wait);
        if (auto fetched = index_->find(*name))
            co_return fetched;
    }
    auto running = join_or_start(*name, hello, !wait);
    co_return co_await wait_for(running, wait);
}

// Each refusal is told with its reason, but for those of a manager that is to end.
void manager::core::tell_refusal(const error& why, const client_hello& hello)
{
    if (why.code() == errc::shut_down)
        return;
    host_refused told{why.host(), hello.client_address, why};
    tell(told);
}

void manager::core::refuse(const error& why, const client_hello& hello)
{
    tell_refusal(why, hello);
    throw why;
}

// What needs no wait. Most junk names end here: that is why it does not throw, which costs more than all the rest.
asio::awaitable<std::optional<error>> manager::core::find_refusal(client_hello hello)
{
    const auto name = normalize_host_name(hello.server_name);
    if (!name || stored_name(*name) || index_->find(*name) || issuances_.contains(*name))
        co_return std::nullopt;
    auto why = known_refusal(*name, is_listed());
    if (!why && hello.client_address && is_stranger(*name, false))
        why = client_refusal(*name, clients_.wait(client_key(*hello.client_address), now()));
    if (why)
        tell_refusal(*why, hello);
    co_return why;
}

asio::awaitable<void> manager::core::wait_to_refuse()
{
    const auto wait = refusal_pace_.take_turn(now());
    if (wait > wait.zero())
        co_await options_.clock->async_wait(wait);
}

// Why it is known that the host is not to be asked for.
std::optional<error> manager::core::known_refusal(const std::string& host, bool vouched) const
{
    if (stopped_)
        return refusal(errc::shut_down, host);
    if (!allowed(host))
        return refusal(errc::host_not_allowed, host);
    if (issuances_.contains(host))
        return std::nullopt;
    if (group_.cut_off)
        return group_.cut_off->with_host(host);
    if (auto failure = recent_failure(host, vouched))
        return failure;
    if (!vouched && decisions_.find(host, now()) == false)
        return refusal(errc::host_not_allowed, host, "the application said no");
    return std::nullopt;
}

// Nobody has vouched for it.
bool manager::core::is_stranger(const std::string& host, bool wanted) const
{
    return !wanted && !is_listed() && !decisions_.find(host, now());
}

std::optional<error> manager::core::client_refusal(
    const std::string& host, std::chrono::system_clock::duration wait) const
{
    if (wait <= wait.zero())
        return std::nullopt;
    return refusal(errc::too_many_new_hosts, host, "too many for this client")
        .with_retry(retry_advice::at(now() + wait));
}

std::shared_ptr<issuance> manager::core::join_or_start(const std::string& host, const client_hello& hello, bool wanted)
{
    if (const auto why = known_refusal(host, wanted || is_listed()))
        refuse(*why, hello);
    if (auto it = issuances_.find(host); it != issuances_.end())
        return it->second;
    const bool stranger = is_stranger(host, wanted);
    const bool too_many_strangers = stranger && std::cmp_greater(strangers_.use_count(), options_.max_waiters / 2);
    if (too_many_strangers || issuances_.size() >= options_.max_waiters)
        refuse(refusal(errc::too_many_waiters, host), hello);
    const bool counts = stranger && hello.client_address;
    if (const auto why = client_refusal(host, take_client_token(hello, counts)))
        refuse(*why, hello);
    auto running = start(host, false);
    running->hello = hello;
    running->wanted = wanted;
    if (stranger)
        running->stranger = strangers_;
    running->took_client = counts;
    return running;
}

// Of what somebody vouches for, a failed self-check says nothing.
std::optional<error> manager::core::recent_failure(const std::string& host, bool vouched) const
{
    std::optional<pause_record> own, common;
    with_state([&](const state& s) {
        if (auto it = s.failures.find(host); it != s.failures.end() && !(vouched && it->second.unreachable))
            own = it->second;
        if (auto* pause = find_pause(s, host, now()))
            common = *pause;
    });
    if (own && in_force(*own, now()))
        return refusal(errc::recently_failed, host, own->why).with_retry(retry_advice::at(own->until));
    if (common)
        return refusal(errc::rate_limited, host, common->why).with_retry(retry_advice::at(common->until));
    return std::nullopt;
}

// Whether there is an allow-list, which vouches for whatever passes it.
bool manager::core::is_listed() const
{
    return with_state([](const state& s) { return s.hosts.has_value(); });
}

std::chrono::system_clock::duration manager::core::take_client_token(const client_hello& hello, bool counts)
{
    if (!counts)
        return {};
    return clients_.take(client_key(*hello.client_address), now());
}

void manager::core::put_back_client_token(issuance& running)
{
    if (std::exchange(running.took_client, false))
        clients_.put_back(client_key(*running.hello.client_address));
}

// Whether a host for which there is no certificate may be asked for; throws where it may not.
asio::awaitable<void> manager::core::admit(std::shared_ptr<issuance> running)
{
    try {
        running->vouched = co_await is_vouched_for(running);
    } catch (...) {
        put_back_client_token(*running);
        throw;
    }
    if (running->vouched)
        put_back_client_token(*running);
    if (!running->vouched && options_.self_check.enabled)
        co_await self_check(running);
    running->stranger.reset();
    // Of a group, only whoever orders it takes tokens.
    if (!group_.changes)
        co_await take_new_host_tokens(running);
}

asio::awaitable<bool> manager::core::is_vouched_for(std::shared_ptr<issuance> running)
{
    const bool listed = running->wanted || is_listed();
    if (listed || !options_.decide)
        co_return listed;
    auto host = running->host;
    auto answer = decisions_.find(host, now());
    if (!answer) {
        answer =
            co_await async_within(*options_.clock, options_.decision_timeout, options_.decide(host, running->hello));
        if (!answer)
            throw refusal(errc::timed_out, host, "the application did not decide in time");
        const auto lifetime = *answer ? options_.allow_lifetime : options_.deny_lifetime;
        decisions_.remember(host, *answer, now(), lifetime);
    }
    if (!*answer)
        throw refusal(errc::host_not_allowed, host, "the application said no");
    co_return true;
}

asio::awaitable<void> manager::core::take_new_host_tokens(std::shared_ptr<issuance> running)
{
    const bool vouched = running->vouched;
    const auto at = now();
    const auto host = running->host;
    const auto domain = registered_domain(host);
    std::chrono::system_clock::duration wait{0};
    if (!vouched)
        wait = domains_.take(domain, at);
    if (wait > wait.zero())
        throw refusal(errc::too_many_new_hosts, host, "too many of " + domain).with_retry(retry_advice::at(at + wait));
    running->took_domain = !vouched;
    wait = co_await take_limit_token(&limit_record::new_hosts, options_.limits.new_hosts);
    if (wait > wait.zero()) {
        if (!vouched)
            domains_.put_back(domain);
        throw refusal(errc::too_many_new_hosts, host).with_retry(retry_advice::at(at + wait));
    }
    running->took_new_host = true;
    if (!group_.changes)
        changed({keys_.limits()});
}

// With the host's lock. An order that another manager has begun has its token.
asio::awaitable<void> manager::core::admit_to_group(std::shared_ptr<issuance> running)
{
    const bool begun = with_state([&](const state& s) { return s.orders.contains(running->host); });
    if (!running->admitted && !running->took_new_host && !begun)
        co_await take_new_host_tokens(running);
    running->admitted = true;
}

// Of a host whose certificate another manager has obtained.
void manager::core::put_back_new_host_tokens(issuance& running)
{
    if (!std::exchange(running.took_new_host, false))
        return;
    put_back_limit_token(&limit_record::new_hosts, options_.limits.new_hosts);
    if (running.took_domain)
        domains_.put_back(registered_domain(running.host));
}

// Nothing was asked of the CA. Only a name that is known not to lead here is remembered: the others have their own
// memory.
void manager::core::fail_to_admit(issuance& running, const error& e)
{
    auto advice = e.retry();
    if (e.code() == errc::self_check_failed && !running.unclear)
        advice = remember_failure(running.host, e);
    running.failure = e.with_host(running.host).with_retry(advice);
    complete(running);
    host_refused told{running.host, running.hello.client_address, *running.failure};
    tell(told);
}

asio::awaitable<certificate_ptr> manager::core::wait_for(
    std::shared_ptr<issuance> running, std::optional<std::chrono::steady_clock::duration> wait)
{
    using namespace asio::experimental::awaitable_operators;
    if (running->waiters >= options_.max_waiters_per_host)
        refuse(refusal(errc::too_many_waiters, running->host), running->hello);
    counted_waiter counted(waiters_, running->waiters);
    if (wait && !running->done)
        co_await (finished(running) || options_.clock->async_wait(*wait));
    else if (!running->done)
        co_await finished(running);
    if (running->failure)
        throw *running->failure;
    if (running->done)
        co_return running->result;
    auto cancellation = co_await asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != asio::cancellation_type::none)
        throw error(asio::error::operation_aborted, step).with_host(running->host);
    throw refusal(errc::timed_out, running->host, "the certificate did not come in time; its issuance goes on");
}

} // namespace acme
