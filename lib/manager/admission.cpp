#include "manager/core.hpp"
#include "protocol/host_name.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>

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
    std::string host, std::optional<std::chrono::steady_clock::duration> wait)
{
    if (host.empty() && wait)
        throw error(make_error_code(errc::no_server_name), step);
    auto name = normalize_host_name(host);
    if (!name)
        throw error(make_error_code(errc::invalid_host_name), step, name.why).with_host(host);
    if (auto at_hand = index_->find(*name))
        co_return at_hand;
    if (waiters_ >= options_.max_waiters)
        throw refusal(errc::too_many_waiters, *name);
    auto running = join_or_start(*name);
    co_return co_await wait_for(running, wait);
}

std::shared_ptr<issuance> manager::core::join_or_start(const std::string& host)
{
    if (stopped_)
        throw refusal(errc::shut_down, host);
    if (!allowed(host))
        throw refusal(errc::host_not_allowed, host);
    if (auto it = issuances_.find(host); it != issuances_.end())
        return it->second;
    refuse_if_failed_recently(host);
    if (issuances_.size() >= options_.max_waiters)
        throw refusal(errc::too_many_waiters, host);
    take_new_host_token(host);
    return start(host, false);
}

void manager::core::refuse_if_failed_recently(const std::string& host)
{
    std::optional<pause_record> own, common;
    with_state([&](const state& s) {
        if (auto it = s.failures.find(host); it != s.failures.end())
            own = it->second;
        if (auto* pause = find_pause(s, host, now()))
            common = *pause;
    });
    if (own && in_force(*own, now()))
        throw refusal(errc::recently_failed, host, own->why).with_retry(retry_advice::at(own->until));
    if (common)
        throw refusal(errc::rate_limited, host, common->why).with_retry(retry_advice::at(common->until));
}

void manager::core::take_new_host_token(const std::string& host)
{
    auto at = now();
    auto wait = with_state([&](state& s) {
        if (s.orders.contains(host))
            return std::chrono::system_clock::duration::zero();
        return take_token(s, &limit_record::new_hosts, options_.limits.new_hosts, at);
    });
    if (wait > wait.zero())
        throw refusal(errc::too_many_new_hosts, host).with_retry(retry_advice::at(at + wait));
    changed({keys_.limits()});
}

asio::awaitable<certificate_ptr> manager::core::wait_for(
    std::shared_ptr<issuance> running, std::optional<std::chrono::steady_clock::duration> wait)
{
    using namespace asio::experimental::awaitable_operators;
    if (running->waiters >= options_.max_waiters_per_host)
        throw refusal(errc::too_many_waiters, running->host);
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
