#include "store/etcd_lock.hpp"
#include "store/object.hpp"

#include <acme/etcd_store.hpp>

#include <boost/asio/strand.hpp>

#include <chrono>
#include <utility>

namespace acme {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

constexpr const char* step = "etcd";
constexpr std::size_t page = 1000;
constexpr std::size_t most_keys = 10'000'000;

using repetition = etcd_gateway::repetition;

// Awaitables start later, and may find the store gone: they share its parts.
struct parts
{
    parts(const asio::any_io_executor& executor, etcd_options options)
        : prefix(options.prefix + "/")
        , gateway(std::make_shared<etcd_gateway>(asio::make_strand(executor), std::move(options)))
        , fence(std::make_shared<etcd_fence>(gateway, prefix + "fence"))
        , watcher(std::make_shared<etcd_watcher>(gateway, prefix, "objects/"))
        , locks(std::make_shared<etcd_locks>(gateway, fence, watcher, prefix + "locks/"))
    {}

    std::string key(std::string_view name) const { return prefix + "objects/" + std::string(name); }

    const std::string prefix;
    const std::shared_ptr<etcd_gateway> gateway;
    const std::shared_ptr<etcd_fence> fence;
    const std::shared_ptr<etcd_watcher> watcher;
    const std::shared_ptr<etcd_locks> locks;
};
using shared_parts = std::shared_ptr<const parts>;

// On the strand, from where Asio's own exceptions come as this library's.
template <class T>
asio::awaitable<T> run(shared_parts all, asio::awaitable<T> operation)
{
    try {
        co_return co_await on_strand(all->gateway->get_strand(), std::move(operation));
    } catch (const error&) {
        throw;
    } catch (const boost::system::system_error& e) {
        throw error(e.code(), step);
    }
}

asio::awaitable<std::optional<std::string>> load(shared_parts all, std::string key)
{
    check_key(key);
    json::object message = etcd_get(all->key(key));
    etcd_answer answer = co_await all->gateway->async_call("/v3/kv/range", std::move(message));
    if (answer.range.all.empty())
        co_return std::nullopt;
    std::string& value = answer.range.all.front().value;
    if (!is_valid_value(value))
        throw error(make_error_code(errc::damaged_state), step, all->key(key) + " is not text of up to 1 MiB");
    co_return std::optional<std::string>(std::move(value));
}

asio::awaitable<void> change(shared_parts all, std::string kind, json::object request)
{
    etcd_transaction transaction;
    transaction.then(kind, std::move(request));
    const etcd_answer answer = co_await etcd_fence::async_write(all->fence, std::move(transaction));
    if (!answer.succeeded)
        throw error(make_error_code(errc::store_unavailable), step, "an answer that does not fit the question");
}

asio::awaitable<void> save(shared_parts all, std::string key, std::string value)
{
    check_object(key, value);
    json::object request = etcd_put(all->key(key), value);
    co_await change(all, "request_put", std::move(request));
}

asio::awaitable<void> erase(shared_parts all, std::string key)
{
    check_key(key);
    json::object request = etcd_delete(all->key(key));
    co_await change(all, "request_delete_range", std::move(request));
}

asio::awaitable<std::vector<std::string>> list(shared_parts all, std::string prefix)
{
    std::vector<std::string> keys;
    const std::string base = all->key("");
    const std::string end = etcd_range_end(base + prefix);
    std::string first = base + prefix;
    for (bool more = true; more;) {
        json::object message = etcd_list(first, end, page);
        const etcd_answer answer = co_await all->gateway->async_call("/v3/kv/range", std::move(message));
        for (const etcd_key_value& each : answer.range.all) {
            if (each.key < first || each.key >= end || keys.size() == most_keys)
                throw error(make_error_code(errc::store_unavailable), step, "a list that is out of order or endless");
            first = each.key + '\0';
            const std::string_view name = std::string_view(each.key).substr(base.size());
            if (is_valid_key(name))
                keys.emplace_back(name);
        }
        more = answer.range.more && !answer.range.all.empty();
    }
    co_return keys;
}

asio::awaitable<void> change_under_lock(
    shared_parts all, std::string kind, json::object request, const etcd_lock& guard, std::string key)
{
    etcd_transaction transaction;
    transaction.when(etcd_created_at(guard.key(), guard.revision())).then(kind, std::move(request));
    bool done = guard.held();
    if (done) {
        const etcd_answer answer = co_await etcd_fence::async_write(all->fence, std::move(transaction));
        done = answer.succeeded;
    }
    if (done)
        co_return;
    guard.lose();
    throw error(make_error_code(errc::lock_lost), step, key + " was not written");
}

const etcd_lock& lock_of_etcd(const store::lock& guard)
{
    const auto* lock = dynamic_cast<const etcd_lock*>(&guard);
    if (!lock)
        throw error(make_error_code(boost::system::errc::invalid_argument), step, "a lock of another store");
    return *lock;
}

asio::awaitable<void> guarded_save(shared_parts all, std::string key, std::string value, const store::lock& guard)
{
    check_object(key, value);
    const etcd_lock& lock = lock_of_etcd(guard);
    json::object request = etcd_put(all->key(key), value);
    co_await change_under_lock(all, "request_put", std::move(request), lock, std::move(key));
}

asio::awaitable<void> guarded_erase(shared_parts all, std::string key, const store::lock& guard)
{
    check_key(key);
    const etcd_lock& lock = lock_of_etcd(guard);
    json::object request = etcd_delete(all->key(key));
    co_await change_under_lock(all, "request_delete_range", std::move(request), lock, std::move(key));
}

// Compared here: etcd takes no request with two large values.
asio::awaitable<bool> exchange(
    shared_parts all, std::string key, std::optional<std::string> expected, std::string desired)
{
    check_object(key, desired);
    const std::string place = all->key(key);
    const auto end = std::chrono::steady_clock::now() + all->gateway->options().operation_timeout;
    for (;;) {
        json::object message = etcd_get(place);
        const etcd_answer found =
            co_await all->gateway->async_call("/v3/kv/range", std::move(message), repetition::until_answered, end);
        const auto* object = found.range.all.empty() ? nullptr : &found.range.all.front();
        if (bool(object) != expected.has_value() || (object && object->value != *expected))
            co_return false;
        etcd_transaction transaction;
        transaction.when(etcd_changed_at(place, object ? object->mod_revision : 0));
        transaction.then("request_put", etcd_put(place, desired));
        const etcd_answer answer =
            co_await etcd_fence::async_write(all->fence, std::move(transaction), repetition::until_sent, end);
        if (answer.succeeded)
            co_return true;
    }
}

asio::awaitable<bool> check(shared_parts all)
{
    json::object message = etcd_list(all->key(""), etcd_range_end(all->key("")), 1);
    co_await all->gateway->async_call("/v3/kv/range", std::move(message), repetition::once_each);
    co_return true;
}

class etcd_store final : public store
{
public:
    explicit etcd_store(shared_parts all)
        : all_(std::move(all))
    {}
    etcd_store(const etcd_store&) = delete;
    etcd_store& operator=(const etcd_store&) = delete;
    ~etcd_store() override { all_->watcher->close(); }

    asio::awaitable<std::optional<std::string>> async_load(std::string key) override
    {
        return run(all_, load(all_, std::move(key)));
    }

    asio::awaitable<void> async_save(std::string key, std::string value) override
    {
        return run(all_, save(all_, std::move(key), std::move(value)));
    }

    asio::awaitable<void> async_erase(std::string key) override { return run(all_, erase(all_, std::move(key))); }

    asio::awaitable<std::vector<std::string>> async_list(std::string prefix) override
    {
        return run(all_, list(all_, std::move(prefix)));
    }

    asio::awaitable<std::unique_ptr<lock>> async_lock(std::string name) override
    {
        return run(all_, etcd_locks::async_lock(all_->locks, std::move(name)));
    }

    asio::awaitable<void> async_guarded_save(std::string key, std::string value, const lock& guard) override
    {
        return run(all_, guarded_save(all_, std::move(key), std::move(value), guard));
    }

    asio::awaitable<void> async_guarded_erase(std::string key, const lock& guard) override
    {
        return run(all_, guarded_erase(all_, std::move(key), guard));
    }

    asio::awaitable<bool> async_exchange(
        std::string key, std::optional<std::string> expected, std::string desired) override
    {
        return run(all_, exchange(all_, std::move(key), std::move(expected), std::move(desired)));
    }

    std::unique_ptr<subscription> watch(std::string prefix) override
    {
        return all_->watcher->subscribe(std::move(prefix));
    }

private:
    shared_parts all_;
};

shared_parts make_parts(const asio::any_io_executor& executor, etcd_options options)
{
    if (!is_valid_key(options.prefix))
        throw error(make_error_code(boost::system::errc::invalid_argument), step, "the prefix is not like a key");
    return std::make_shared<const parts>(executor, std::move(options));
}

} // namespace

std::shared_ptr<store> make_etcd_store(asio::any_io_executor executor, etcd_options options)
{
    return std::make_shared<etcd_store>(make_parts(executor, std::move(options)));
}

asio::awaitable<std::shared_ptr<store>> async_open_etcd_store(asio::any_io_executor executor, etcd_options options)
{
    const shared_parts all = make_parts(executor, std::move(options));
    co_await run(all, check(all));
    co_return std::make_shared<etcd_store>(all);
}

} // namespace acme
