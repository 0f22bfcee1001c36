#include "store/change_queue.hpp"
#include "store/failure.hpp"
#include "store/key_lock.hpp"
#include "store/object.hpp"
#include "store/object_folder.hpp"
#include "store/wakeup.hpp"
#include "store/worker.hpp"

#include <acme/store.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <mutex>

namespace acme {

namespace asio = boost::asio;

namespace {

// How often a lock that another process holds is tried.
constexpr std::chrono::milliseconds shortest_pause(5);
constexpr std::chrono::milliseconds longest_pause(200);

enum class work
{
    loading,
    saving
};

// What is loaded, perhaps for a handshake that waits, does not queue behind those who wait for the disk.
struct workers
{
    std::array<worker, 2> loading;
    std::array<worker, 4> saving;

    // The same one for the same key.
    worker& one_for(work kind, const std::string& key)
    {
        const auto hash = std::hash<std::string>()(key);
        return kind == work::loading ? loading[hash % loading.size()] : saving[hash % saving.size()];
    }
};

/// The folder, and the threads that use it until the store ends. Everything that is under way shares it.
class worked_folder
{
public:
    explicit worked_folder(const std::filesystem::path& path)
        : folder(path)
    {}

    /// Waits for what was posted.
    void close()
    {
        {
            std::unique_ptr<workers> ended;
            const std::lock_guard guard(mutex_);
            ended = std::move(workers_);
        }
        subscribers.close();
    }

    /// Jobs of one kind and key run in the order in which they were posted.
    void post(work kind, const std::string& key, std::function<void()> job)
    {
        {
            const std::lock_guard guard(mutex_);
            if (workers_) {
                workers_->one_for(kind, key).post(std::move(job));
                return;
            }
        }
        // An operation that began after the store's end.
        job();
    }

    const object_folder folder;
    change_publisher subscribers;

private:
    std::mutex mutex_;
    std::unique_ptr<workers> workers_ = std::make_unique<workers>();
};

using shared_folder = std::shared_ptr<worked_folder>;

asio::awaitable<void> async_call(
    shared_folder all, work kind, const char* step, std::string key, std::function<void()> call)
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    wakeup done(executor);
    const auto failure = std::make_shared<std::optional<error>>();
    all->post(kind, key, [step, all, failure, call = std::move(call), notify = done.get_notifier()] {
        *failure = failure_of(step, all->folder.path().native(), call);
        notify();
    });
    co_await done.async_wait(step);
    if (*failure)
        throw error(**failure);
}

asio::awaitable<void> open(shared_folder all)
{
    std::function<void()> call = [all] { all->folder.open(); };
    co_await async_call(all, work::saving, "opening the store", std::string(), std::move(call));
}

asio::awaitable<std::optional<std::string>> load(shared_folder all, std::string key)
{
    check_key(key);
    const auto value = std::make_shared<std::optional<std::string>>();
    std::function<void()> call = [all, key, value] { *value = all->folder.load(key); };
    co_await async_call(all, work::loading, "loading a saved object", std::move(key), std::move(call));
    co_return std::move(*value);
}

asio::awaitable<void> save(shared_folder all, std::string key, std::string value)
{
    check_object(key, value);
    std::function<void()> call = [all, key, value = std::move(value)] {
        all->folder.save(key, value);
        all->subscribers.publish(key, value);
    };
    co_await async_call(all, work::saving, "saving an object", std::move(key), std::move(call));
}

asio::awaitable<void> erase(shared_folder all, std::string key)
{
    check_key(key);
    std::function<void()> call = [all, key] {
        if (all->folder.erase(key))
            all->subscribers.publish(key, std::nullopt);
    };
    co_await async_call(all, work::saving, "erasing a saved object", std::move(key), std::move(call));
}

asio::awaitable<std::vector<std::string>> list(shared_folder all, std::string prefix)
{
    const auto keys = std::make_shared<std::vector<std::string>>();
    std::function<void()> call = [all, prefix, keys] { *keys = all->folder.list(prefix); };
    co_await async_call(all, work::loading, "listing the saved objects", std::move(prefix), std::move(call));
    co_return std::move(*keys);
}

/// First its file is unlocked, then the next one of this store has its turn.
class directory_lock : public store::lock
{
public:
    directory_lock(std::unique_ptr<store::lock> turn, descriptor file)
        : turn_(std::move(turn))
        , file_(std::move(file))
    {}

private:
    std::unique_ptr<store::lock> turn_;
    descriptor file_;
};

asio::awaitable<std::unique_ptr<store::lock>> take_lock(
    shared_folder all, std::shared_ptr<key_lock_table> locks, std::string name)
{
    constexpr const char* step = "waiting for a lock";
    auto turn = co_await locks->async_lock(name);
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor);
    for (auto pause = shortest_pause;; pause = std::min(2 * pause, longest_pause)) {
        const auto file = std::make_shared<descriptor>(-1);
        std::function<void()> call = [all, name, file] { *file = all->folder.try_lock(name); };
        co_await async_call(all, work::loading, step, name, std::move(call));
        if (*file)
            co_return std::make_unique<directory_lock>(std::move(turn), std::move(*file));
        timer.expires_after(pause);
        boost::system::error_code ec;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        if (ec)
            throw error(ec, step);
    }
}

class directory_store : public store
{
public:
    explicit directory_store(shared_folder all)
        : all_(std::move(all))
    {}
    directory_store(const directory_store&) = delete;
    directory_store& operator=(const directory_store&) = delete;
    ~directory_store() override { all_->close(); }

    // Awaitables start later, and may find the store gone: they share its folder.
    asio::awaitable<std::optional<std::string>> async_load(std::string key) override
    {
        return load(all_, std::move(key));
    }

    asio::awaitable<void> async_save(std::string key, std::string value) override
    {
        return save(all_, std::move(key), std::move(value));
    }

    asio::awaitable<void> async_erase(std::string key) override { return erase(all_, std::move(key)); }

    asio::awaitable<std::vector<std::string>> async_list(std::string prefix) override
    {
        return list(all_, std::move(prefix));
    }

    asio::awaitable<std::unique_ptr<lock>> async_lock(std::string name) override
    {
        return take_lock(all_, locks_, std::move(name));
    }

    std::unique_ptr<subscription> watch(std::string prefix) override
    {
        return all_->subscribers.subscribe(std::move(prefix));
    }

private:
    std::shared_ptr<key_lock_table> locks_ = std::make_shared<key_lock_table>();
    shared_folder all_;
};

} // namespace

asio::awaitable<std::shared_ptr<store>> async_open_directory_store(std::filesystem::path path)
{
    auto all = std::make_shared<worked_folder>(path);
    auto opened = std::make_shared<directory_store>(all);
    co_await open(std::move(all));
    co_return opened;
}

} // namespace acme
