#include "store/file_contents.hpp"
#include "store/key_lock.hpp"

#include <acme/store.hpp>

namespace acme {

namespace asio = boost::asio;

namespace {

class file_store : public store
{
public:
    explicit file_store(const std::filesystem::path& path)
        : contents_(std::make_shared<file_contents>(path, worker_))
    {}
    file_store(const file_store&) = delete;
    file_store& operator=(const file_store&) = delete;
    ~file_store() override { contents_->close(); }

    asio::awaitable<void> async_open() { return contents_->async_open(); }

    asio::awaitable<std::optional<std::string>> async_load(std::string key) override
    {
        return load(contents_, std::move(key));
    }

    asio::awaitable<void> async_save(std::string key, std::string value) override
    {
        return save(contents_, std::move(key), std::move(value));
    }

    asio::awaitable<void> async_erase(std::string key) override { return erase(contents_, std::move(key)); }

    asio::awaitable<std::vector<std::string>> async_list(std::string prefix) override
    {
        return list(contents_, std::move(prefix));
    }

    asio::awaitable<std::unique_ptr<lock>> async_lock(std::string name) override
    {
        return locks_->async_lock(std::move(name));
    }

    asio::awaitable<bool> async_exchange(
        std::string key, std::optional<std::string> expected, std::string desired) override
    {
        return exchange(contents_, std::move(key), std::move(expected), std::move(desired));
    }

    std::unique_ptr<subscription> watch(std::string prefix) override { return contents_->watch(std::move(prefix)); }

private:
    // Awaitables start later, and may find the store gone: they share its contents.
    using contents = std::shared_ptr<file_contents>;

    static asio::awaitable<std::optional<std::string>> load(contents all, std::string key)
    {
        check_key(key);
        co_return all->find(key);
    }

    static asio::awaitable<void> save(contents all, std::string key, std::string value)
    {
        check_object(key, value);
        std::optional<std::string> changed(std::move(value));
        co_await all->async_change(std::move(key), std::move(changed));
    }

    static asio::awaitable<bool> exchange(
        contents all, std::string key, std::optional<std::string> expected, std::string desired)
    {
        check_object(key, desired);
        std::optional<std::string> changed(std::move(desired));
        const file_contents::condition unchanged(std::move(expected));
        co_return co_await all->async_change(std::move(key), std::move(changed), unchanged);
    }

    static asio::awaitable<void> erase(contents all, std::string key)
    {
        check_key(key);
        std::optional<std::string> nothing;
        co_await all->async_change(std::move(key), std::move(nothing));
    }

    static asio::awaitable<std::vector<std::string>> list(contents all, std::string prefix)
    {
        co_return all->list(prefix);
    }

    std::shared_ptr<key_lock_table> locks_ = std::make_shared<key_lock_table>();
    // Ends first, and with it what was under way.
    contents contents_;
    worker worker_;
};

} // namespace

asio::awaitable<std::shared_ptr<store>> async_open_file_store(std::filesystem::path path)
{
    auto opened = std::make_shared<file_store>(path);
    co_await opened->async_open();
    co_return opened;
}

} // namespace acme
