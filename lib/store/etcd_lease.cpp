#include "store/etcd_lease.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace acme {

namespace asio = boost::asio;
namespace json = boost::json;
using std::chrono::nanoseconds;

namespace {

constexpr const char* step = "etcd";
constexpr std::int64_t longest_ttl = 24 * 3600;

// The time of an answer is the time at which the question was sent, so that the end here comes before etcd's.
nanoseconds expiry_of(const etcd_answer& answer)
{
    return answer.asked + std::chrono::seconds(std::min(answer.ttl, longest_ttl));
}

std::chrono::steady_clock::time_point in(nanoseconds t)
{
    return std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(t);
}

} // namespace

etcd_leases::use::use(std::shared_ptr<etcd_leases> owner, std::shared_ptr<etcd_lease> lease)
    : owner_(std::move(owner))
    , lease_(std::move(lease))
{
    ++owner_->users_;
}

etcd_leases::use& etcd_leases::use::operator=(use&& other) noexcept
{
    use old(std::move(*this));
    owner_ = std::move(other.owner_);
    lease_ = std::move(other.lease_);
    return *this;
}

etcd_leases::use::~use()
{
    if (owner_)
        owner_->release(lease_);
}

etcd_leases::etcd_leases(std::shared_ptr<etcd_gateway> gateway, std::function<void()> on_loss)
    : gateway_(std::move(gateway))
    , on_loss_(std::move(on_loss))
    , next_renewal_(gateway_->get_strand())
{}

asio::awaitable<etcd_leases::use> etcd_leases::async_use(std::shared_ptr<etcd_leases> self)
{
    const slots::lease turn = co_await self->grant_turn_.async_acquire();
    const nanoseconds enough = self->gateway_->options().lease_duration / 2;
    const auto fresh = [&] { return self->current_ && self->current_->remaining() >= enough; };
    if (!fresh() && self->current_ && self->users_ != 0 && self->current_->held())
        co_await renew(self, self->current_);
    if (!fresh() && self->current_ && self->users_ != 0 && self->current_->held())
        throw error(make_error_code(errc::store_unavailable), step, "the lease can't be renewed");
    if (!fresh())
        co_await grant(self);
    use mine(self, self->current_);
    if (!std::exchange(self->keeping_, true))
        asio::co_spawn(self->gateway_->get_strand(), keep(self, self->current_), asio::detached);
    co_return mine;
}

// The lease before, if any, goes on as long as it would have anyway.
asio::awaitable<void> etcd_leases::grant(std::shared_ptr<etcd_leases> self)
{
    json::object message = etcd_lease_request(self->gateway_->options().lease_duration);
    const etcd_answer answer = co_await self->gateway_->async_call("/v3/lease/grant", std::move(message));
    if (answer.lease == 0 || answer.ttl <= 0)
        throw error(make_error_code(errc::store_unavailable), step, "an answer without the lease that was asked for");
    self->current_ = std::make_shared<etcd_lease>(answer.lease, expiry_of(answer));
    self->users_ = 0;
    self->keeping_ = false;
    self->next_renewal_.cancel();
}

asio::awaitable<void> etcd_leases::keep(std::shared_ptr<etcd_leases> self, std::shared_ptr<etcd_lease> lease)
{
    nanoseconds wait = self->gateway_->options().lease_duration / 3;
    while (self->in_use(lease) && lease->held()) {
        self->next_renewal_.expires_at(in(std::min(wait, lease->remaining())));
        co_await self->next_renewal_.async_wait(asio::as_tuple(asio::use_awaitable));
        if (!self->in_use(lease) || !lease->held())
            break;
        const bool renewed = co_await renew(self, lease);
        wait = self->gateway_->options().lease_duration / (renewed ? 3 : 12);
    }
    const bool lost = self->in_use(lease);
    if (self->current_ == lease)
        self->keeping_ = false;
    if (lost)
        self->on_loss_();
}

asio::awaitable<bool> etcd_leases::renew(std::shared_ptr<etcd_leases> self, std::shared_ptr<etcd_lease> lease)
{
    try {
        json::object message = etcd_lease_id(lease->id());
        const etcd_answer answer = co_await self->gateway_->async_call(
            "/v3/lease/keepalive", std::move(message), etcd_gateway::repetition::urgently, in(lease->remaining()));
        if (answer.ttl <= 0)
            lease->lose();
        else if (lease->held())
            lease->renew(expiry_of(answer));
        co_return true;
    } catch (const boost::system::system_error&) {
        co_return false;
    }
}

void etcd_leases::release(const std::shared_ptr<etcd_lease>& lease)
{
    if (lease != current_)
        return;
    --users_;
    if (users_ == 0)
        next_renewal_.cancel();
}

} // namespace acme
