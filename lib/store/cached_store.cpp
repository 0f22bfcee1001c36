#include <acme/cached_store.hpp>

#include <boost/asio/error.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <utility>

namespace acme {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr auto time_apart = std::chrono::seconds(5);

// Awaitables start later, and may find the cached store gone.
struct parts
{
    parts(std::shared_ptr<store> s, std::shared_ptr<store> c)
        : shared(std::move(s))
        , copy(std::move(c))
    {}

    bool apart() const { return parted_at == successes && steady_clock::now().time_since_epoch() < apart_until.load(); }
    // After a failure of what was begun when there were so many successes: those since then count for more.
    void part(std::uint64_t at) const
    {
        parted_at = at;
        apart_until = (steady_clock::now() + time_apart).time_since_epoch();
    }
    // What is read after a lock was taken, say, is to be what is shared.
    void rejoin() const { ++successes; }

    const std::shared_ptr<store> shared;
    const std::shared_ptr<store> copy;
    mutable std::atomic<std::uint64_t> successes = 0;
    mutable std::atomic<std::uint64_t> parted_at = 0;
    mutable std::atomic<steady_clock::duration> apart_until{steady_clock::duration::zero()};
};
using shared_parts = std::shared_ptr<const parts>;

// What the shared store gives; empty where it can't be reached.
template <class T>
asio::awaitable<std::optional<T>> ask(shared_parts all, asio::awaitable<T> operation)
{
    if (all->apart())
        co_return std::nullopt;
    const std::uint64_t before = all->successes;
    try {
        std::optional<T> given(co_await std::move(operation));
        all->rejoin();
        co_return given;
    } catch (const error& e) {
        if (e.code() != errc::store_unavailable)
            throw;
    }
    all->part(before);
    co_return std::nullopt;
}

// No value: erases.
asio::awaitable<void> follow(std::shared_ptr<store> copy, std::string key, std::optional<std::string> value)
{
    try {
        const auto known = co_await copy->async_load(key);
        if (known == value)
            co_return;
        if (value)
            co_await copy->async_save(std::move(key), std::move(*value));
        else
            co_await copy->async_erase(std::move(key));
    } catch (const error& e) {
        if (e.code() == asio::error::operation_aborted)
            throw;
    }
}

asio::awaitable<std::optional<std::string>> load(shared_parts all, std::string key)
{
    auto asked = co_await ask(all, all->shared->async_load(key));
    if (!asked)
        co_return co_await all->copy->async_load(std::move(key));
    co_await follow(all->copy, std::move(key), *asked);
    co_return std::move(*asked);
}

asio::awaitable<std::vector<std::string>> list(shared_parts all, std::string prefix)
{
    auto asked = co_await ask(all, all->shared->async_list(prefix));
    if (asked)
        co_return std::move(*asked);
    co_return co_await all->copy->async_list(std::move(prefix));
}

asio::awaitable<void> write(
    shared_parts all, asio::awaitable<void> operation, std::string key, std::optional<std::string> value)
{
    co_await std::move(operation);
    all->rejoin();
    co_await follow(all->copy, std::move(key), std::move(value));
}

asio::awaitable<bool> exchange(shared_parts all, asio::awaitable<bool> operation, std::string key, std::string value)
{
    const bool done = co_await std::move(operation);
    all->rejoin();
    if (!done)
        co_return false;
    std::optional<std::string> saved(std::move(value));
    co_await follow(all->copy, std::move(key), std::move(saved));
    co_return true;
}

asio::awaitable<std::unique_ptr<store::lock>> take_lock(
    shared_parts all, asio::awaitable<std::unique_ptr<store::lock>> locking)
{
    auto lock = co_await std::move(locking);
    all->rejoin();
    co_return lock;
}

class followed_subscription final : public subscription
{
public:
    followed_subscription(const shared_parts& all, std::unique_ptr<subscription> shared)
        : all_(all)
        , copy_(all->copy)
        , shared_(std::move(shared))
    {}

    asio::awaitable<store_change> async_receive() override
    {
        store_change change = co_await shared_->async_receive();
        const auto all = all_.lock();
        if (all && change.what != store_change::kind::interrupted)
            all->rejoin();
        std::optional<std::string> value;
        if (change.what == store_change::kind::saved)
            value = change.value;
        try {
            if (value || change.what == store_change::kind::erased)
                co_await follow(copy_, change.key, std::move(value));
        } catch (const boost::system::system_error&) {
            // Cancelled, but the message is taken.
        }
        co_return change;
    }

private:
    // Not held: a subscription ends with its store.
    std::weak_ptr<const parts> all_;
    std::shared_ptr<store> copy_;
    std::unique_ptr<subscription> shared_;
};

class cached_store final : public store
{
public:
    explicit cached_store(shared_parts all)
        : all_(std::move(all))
    {}

    asio::awaitable<std::optional<std::string>> async_load(std::string key) override
    {
        return load(all_, std::move(key));
    }

    asio::awaitable<void> async_save(std::string key, std::string value) override
    {
        auto saving = all_->shared->async_save(key, value);
        return write(all_, std::move(saving), std::move(key), std::move(value));
    }

    asio::awaitable<void> async_erase(std::string key) override
    {
        auto erasing = all_->shared->async_erase(key);
        return write(all_, std::move(erasing), std::move(key), std::nullopt);
    }

    asio::awaitable<std::vector<std::string>> async_list(std::string prefix) override
    {
        return list(all_, std::move(prefix));
    }

    asio::awaitable<std::unique_ptr<lock>> async_lock(std::string name) override
    {
        return take_lock(all_, all_->shared->async_lock(std::move(name)));
    }

    asio::awaitable<void> async_guarded_save(std::string key, std::string value, const lock& guard) override
    {
        auto saving = all_->shared->async_guarded_save(key, value, guard);
        return write(all_, std::move(saving), std::move(key), std::move(value));
    }

    asio::awaitable<void> async_guarded_erase(std::string key, const lock& guard) override
    {
        auto erasing = all_->shared->async_guarded_erase(key, guard);
        return write(all_, std::move(erasing), std::move(key), std::nullopt);
    }

    asio::awaitable<bool> async_exchange(
        std::string key, std::optional<std::string> expected, std::string desired) override
    {
        auto exchanging = all_->shared->async_exchange(key, std::move(expected), desired);
        return exchange(all_, std::move(exchanging), std::move(key), std::move(desired));
    }

    std::unique_ptr<subscription> watch(std::string prefix) override
    {
        auto shared = all_->shared->watch(std::move(prefix));
        return shared ? std::make_unique<followed_subscription>(all_, std::move(shared)) : nullptr;
    }

private:
    shared_parts all_;
};

} // namespace

std::shared_ptr<store> make_cached_store(std::shared_ptr<store> shared, std::shared_ptr<store> copy)
{
    return std::make_shared<cached_store>(std::make_shared<const parts>(std::move(shared), std::move(copy)));
}

} // namespace acme
