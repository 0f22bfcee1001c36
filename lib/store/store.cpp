#include <acme/store.hpp>

namespace acme {

namespace asio = boost::asio;

namespace {

constexpr const char* step = "writing under a lock";

asio::awaitable<void> guarded(asio::awaitable<void> write, const store::lock& guard)
{
    if (!guard.held())
        throw error(make_error_code(errc::lock_lost), step);
    co_await std::move(write);
}

asio::awaitable<bool> exchange(asio::awaitable<std::unique_ptr<store::lock>> lock,
    asio::awaitable<std::optional<std::string>> load, asio::awaitable<void> save, std::optional<std::string> expected)
{
    const auto held = co_await std::move(lock);
    const auto value = co_await std::move(load);
    if (value != expected)
        co_return false;
    co_await guarded(std::move(save), *held);
    co_return true;
}

} // namespace

// The store's own awaitables are made at once: they may be awaited after its end.

asio::awaitable<void> store::async_guarded_save(std::string key, std::string value, const lock& guard)
{
    return guarded(async_save(std::move(key), std::move(value)), guard);
}

asio::awaitable<void> store::async_guarded_erase(std::string key, const lock& guard)
{
    return guarded(async_erase(std::move(key)), guard);
}

asio::awaitable<bool> store::async_exchange(std::string key, std::optional<std::string> expected, std::string desired)
{
    auto locking = async_lock(key);
    auto load = async_load(key);
    auto save = async_save(std::move(key), std::move(desired));
    return exchange(std::move(locking), std::move(load), std::move(save), std::move(expected));
}

std::unique_ptr<subscription> store::watch(std::string)
{
    return nullptr;
}

} // namespace acme
