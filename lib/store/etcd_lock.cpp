#include "store/etcd_lock.hpp"

#include "store/object.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <utility>

namespace acme {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

constexpr const char* step = "locking in etcd";
constexpr int most_losses = 10;
constexpr auto pause = std::chrono::seconds(1);

} // namespace

// Whoever waits, or gives up waiting, or is cancelled while its request is under way, removes its key at the end.
struct etcd_lock::claim
{
    claim(std::shared_ptr<etcd_locks> o, std::unique_ptr<store::lock> turn)
        : owner(std::move(o))
        , own_turn(std::move(turn))
    {}
    claim(const claim&) = delete;
    claim& operator=(const claim&) = delete;

    const etcd_lease& lease() const noexcept { return *lease_use.lease(); }

    // Ends one claim, on the strand.
    static void end(std::unique_ptr<claim> c)
    {
        if (!c->entered)
            return;
        const auto s = c->owner->gateway_->get_strand();
        auto locks = c->owner;
        asio::co_spawn(s, etcd_locks::release(std::move(locks), std::move(c)), asio::detached);
    }

    // Of a claim that no lock has taken over.
    struct give_up
    {
        void operator()(claim* c) const { end(std::unique_ptr<claim>(c)); }
    };
    using pending = std::unique_ptr<claim, give_up>;

    std::shared_ptr<etcd_locks> owner;
    std::unique_ptr<store::lock> own_turn;
    etcd_leases::use lease_use;
    // All keys of this lock, and this one.
    std::string prefix;
    std::string key;
    std::int64_t revision = 0;
    // The key may be there.
    bool entered = false;
};

etcd_lock::etcd_lock(strand s, std::unique_ptr<claim> c)
    : strand_(std::move(s))
    , claim_(std::move(c))
{}

etcd_lock::~etcd_lock()
{
    asio::post(strand_, [c = std::move(claim_)]() mutable { claim::end(std::move(c)); });
}

bool etcd_lock::held() const noexcept
{
    return !lost_ && claim_->lease().held();
}

const std::string& etcd_lock::key() const noexcept
{
    return claim_->key;
}

std::int64_t etcd_lock::revision() const noexcept
{
    return claim_->revision;
}

etcd_locks::etcd_locks(std::shared_ptr<etcd_gateway> gateway, std::shared_ptr<etcd_fence> fence,
    std::shared_ptr<etcd_watcher> watcher, std::string prefix)
    : gateway_(std::move(gateway))
    , fence_(std::move(fence))
    , watcher_(std::move(watcher))
    , leases_(std::make_shared<etcd_leases>(gateway_, [w = watcher_] { w->wake_all(); }))
    , prefix_(std::move(prefix))
{}

asio::awaitable<std::unique_ptr<store::lock>> etcd_locks::async_lock(std::shared_ptr<etcd_locks> self, std::string name)
{
    check_key(name);
    auto turn = co_await self->own_->async_lock(name);
    etcd_lock::claim::pending claim(new etcd_lock::claim(self, std::move(turn)));
    claim->prefix = self->prefix_ + name + "//";
    bool held = false;
    for (int losses = 0; !held; ++losses) {
        if (losses == most_losses)
            throw error(make_error_code(errc::store_unavailable), step, "the lease is lost again and again");
        claim->lease_use = co_await etcd_leases::async_use(self->leases_);
        claim->key = claim->prefix + std::to_string(claim->lease().id()) + "-" + std::to_string(++self->claims_);
        try {
            held = co_await enter(self, *claim) || co_await wait_for_turn(self, *claim);
        } catch (const error& e) {
            if (e.code() != errc::lock_lost)
                throw;
            claim->lease_use.lease()->lose();
        }
    }
    co_return std::make_unique<etcd_lock>(
        self->gateway_->get_strand(), std::unique_ptr<etcd_lock::claim>(claim.release()));
}

// Puts the key where it is not there yet, as it may be when the request is repeated. True where it is the first.
asio::awaitable<bool> etcd_locks::enter(std::shared_ptr<etcd_locks> self, etcd_lock::claim& c)
{
    etcd_transaction transaction;
    transaction.when(etcd_created_at(c.key, 0))
        .then("request_put", etcd_put(c.key, "", c.lease().id()))
        .then("request_range", etcd_first_created(c.prefix))
        .then("request_range", etcd_get(c.key))
        .otherwise("request_range", etcd_get(c.key))
        .otherwise("request_range", etcd_first_created(c.prefix))
        .otherwise("request_range", etcd_get(c.key));
    c.entered = true;
    const etcd_answer answer = co_await etcd_fence::async_write(self->fence_, std::move(transaction));
    if (answer.responses.size() < 3 || answer.responses[1].all.empty() || answer.responses[2].all.empty())
        throw error(make_error_code(errc::store_unavailable), step, "an answer that does not fit the question");
    c.revision = answer.responses[2].all.front().create_revision;
    co_return answer.responses[1].all.front().key == c.key;
}

// False where the own key is gone.
asio::awaitable<bool> etcd_locks::wait_for_turn(std::shared_ptr<etcd_locks> self, const etcd_lock::claim& c)
{
    std::string predecessor;
    std::unique_ptr<etcd_watcher::departure> departure;
    for (;;) {
        etcd_transaction transaction;
        transaction.when(etcd_created_at(c.key, c.revision))
            .then("request_range", etcd_last_created(c.prefix, c.revision - 1));
        const etcd_answer answer = co_await self->gateway_->async_call("/v3/kv/txn", std::move(transaction.message));
        if (!answer.succeeded)
            co_return false;
        if (answer.responses.empty() || answer.responses.front().all.empty())
            co_return true;
        const std::string& found = answer.responses.front().all.front().key;
        if (departure && found == predecessor)
            co_await departure->async_wait();
        else
            // Asked for again once it is listened to.
            departure = std::make_unique<etcd_watcher::departure>(self->watcher_, found);
        predecessor = found;
    }
}

// Until then nobody else of this process takes it, lest it waits for the key that goes.
asio::awaitable<void> etcd_locks::release(std::shared_ptr<etcd_locks> self, std::unique_ptr<etcd_lock::claim> c)
{
    using std::chrono::steady_clock;
    const auto end = steady_clock::now() + 2 * self->gateway_->options().lease_duration;
    while (c->lease().held()) {
        const auto left = std::chrono::duration_cast<steady_clock::duration>(c->lease().remaining());
        try {
            etcd_transaction transaction;
            transaction.then("request_delete_range", etcd_delete(c->key));
            const auto answer = co_await etcd_fence::async_write(self->fence_, std::move(transaction),
                etcd_gateway::repetition::until_answered, steady_clock::now() + left);
            if (answer.succeeded)
                co_return;
        } catch (const boost::system::system_error&) {
            // Repeated until the lease has ended, and the key with it.
        }
        // Others wait for it, and etcd refuses to erase it. It goes with the lease, which is renewed no longer.
        if (steady_clock::now() >= end)
            c->lease_use.lease()->lose();
        asio::steady_timer timer(self->gateway_->get_strand(), pause);
        co_await timer.async_wait(asio::use_awaitable);
    }
}

} // namespace acme
