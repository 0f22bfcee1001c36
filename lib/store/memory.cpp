#include "store/change_queue.hpp"
#include "store/key_lock.hpp"
#include "store/object.hpp"

#include <acme/store.hpp>

#include <mutex>

namespace acme {

namespace asio = boost::asio;

namespace {

class memory_store : public store, public std::enable_shared_from_this<memory_store>
{
public:
    asio::awaitable<std::optional<std::string>> async_load(std::string key) override
    {
        return load(shared_from_this(), std::move(key));
    }

    asio::awaitable<void> async_save(std::string key, std::string value) override
    {
        return save(shared_from_this(), std::move(key), std::move(value));
    }

    asio::awaitable<void> async_erase(std::string key) override { return erase(shared_from_this(), std::move(key)); }

    asio::awaitable<std::vector<std::string>> async_list(std::string prefix) override
    {
        return list(shared_from_this(), std::move(prefix));
    }

    asio::awaitable<std::unique_ptr<lock>> async_lock(std::string name) override
    {
        return locks_->async_lock(std::move(name));
    }

    asio::awaitable<bool> async_exchange(
        std::string key, std::optional<std::string> expected, std::string desired) override
    {
        return exchange(shared_from_this(), std::move(key), std::move(expected), std::move(desired));
    }

    std::unique_ptr<subscription> watch(std::string prefix) override
    {
        return subscribers_.subscribe(std::move(prefix));
    }

private:
    using self = std::shared_ptr<memory_store>;

    static asio::awaitable<std::optional<std::string>> load(self store, std::string key)
    {
        check_key(key);
        const std::lock_guard guard(store->mutex_);
        co_return find_value(store->objects_, key);
    }

    static asio::awaitable<void> save(self store, std::string key, std::string value)
    {
        check_object(key, value);
        const std::lock_guard guard(store->mutex_);
        store->change(key, std::move(value));
        co_return;
    }

    static asio::awaitable<bool> exchange(
        self store, std::string key, std::optional<std::string> expected, std::string desired)
    {
        check_object(key, desired);
        const std::lock_guard guard(store->mutex_);
        const bool equal = find_value(store->objects_, key) == expected;
        if (equal)
            store->change(key, std::move(desired));
        co_return equal;
    }

    static asio::awaitable<void> erase(self store, std::string key)
    {
        check_key(key);
        const std::lock_guard guard(store->mutex_);
        if (store->objects_.erase(key) != 0)
            store->subscribers_.publish(key, std::nullopt);
        co_return;
    }

    static asio::awaitable<std::vector<std::string>> list(self store, std::string prefix)
    {
        const std::lock_guard guard(store->mutex_);
        co_return keys_with_prefix(store->objects_, prefix);
    }

    // With the mutex held.
    void change(const std::string& key, std::string value)
    {
        subscribers_.publish(key, value);
        objects_.insert_or_assign(key, std::move(value));
    }

    std::mutex mutex_;
    objects objects_;
    change_publisher subscribers_;
    std::shared_ptr<key_lock_table> locks_ = std::make_shared<key_lock_table>();
};

} // namespace

std::shared_ptr<store> make_memory_store()
{
    return std::make_shared<memory_store>();
}

} // namespace acme
