#pragma once

#include "store/change_queue.hpp"
#include "store/key_lock.hpp"

#include <acme/error.hpp>
#include <acme/store.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace acme::test {

class store_door;

/// What several processes have in common, each through a door of its own. For one thread.
struct common_store
{
    std::map<std::string, std::string> objects;
    std::vector<store_door*> doors;
    std::shared_ptr<key_lock_table> locks = std::make_shared<key_lock_table>();
    std::set<const store::lock*> alive;
    /// A guard had ended before the save that it guarded.
    bool dangling = false;

    void change(const std::string& key, const std::optional<std::string>& value);
};

/// A way to the common store that can be cut, and whose messages come when the test lets them.
class store_door : public store
{
public:
    explicit store_door(std::shared_ptr<common_store> common)
        : common_(std::move(common))
    {
        common_->doors.push_back(this);
    }
    ~store_door() override { std::erase(common_->doors, this); }

    /// Operations fail, and nothing is heard.
    bool cut = false;
    /// How many turns of the thread an operation takes.
    int turns = 1;
    /// Nothing is heard of what comes through other doors.
    bool deaf = false;
    /// What is heard waits for `deliver`.
    bool late = false;
    /// What is listed or loaded while it is there arrives once it is cancelled.
    std::shared_ptr<boost::asio::steady_timer> way_back;
    std::set<std::string> damaged;
    std::vector<std::string> log;

    void deliver()
    {
        late = false;
        for (auto& c : std::exchange(waiting_, {}))
            tell(c);
    }
    void tell(const store_change& c)
    {
        if (queue_)
            queue_->push(c);
    }
    void tell(store_change::kind k) { tell(store_change(k)); }
    void interrupt()
    {
        cut = true;
        store_change c(store_change::kind::interrupted);
        c.failure.emplace(make_error_code(boost::asio::error::connection_refused), "the test's store");
        tell(c);
    }
    /// What has changed meanwhile is told after it.
    void resume()
    {
        cut = false;
        tell(store_change::kind::resumed);
        for (auto& c : std::exchange(missed_, {}))
            tell(c);
    }
    /// Somebody else may hold what is held through this door.
    void lose_locks()
    {
        for (auto* each : std::set<held_lock*>(held_))
            each->lose();
    }
    bool holds_locks() const { return !held_.empty(); }

    void hear(const store_change& c)
    {
        if (deaf)
            return;
        if (cut)
            missed_.push_back(c);
        else if (late)
            waiting_.push_back(c);
        else
            tell(c);
    }

    boost::asio::awaitable<std::optional<std::string>> async_load(std::string key) override
    {
        co_await begin("load " + key);
        const auto found = common_->objects.find(key);
        auto value = found == common_->objects.end() ? std::nullopt : std::make_optional(found->second);
        co_await arrive();
        if (damaged.contains(key))
            throw error(make_error_code(errc::damaged_state), "the test's store", key);
        co_return value;
    }
    boost::asio::awaitable<void> async_save(std::string key, std::string value) override
    {
        co_await begin("save " + key);
        common_->change(key, std::move(value));
    }
    boost::asio::awaitable<void> async_erase(std::string key) override
    {
        co_await begin("erase " + key);
        common_->change(key, std::nullopt);
    }
    boost::asio::awaitable<std::vector<std::string>> async_list(std::string prefix) override
    {
        co_await begin("list " + prefix);
        std::vector<std::string> keys;
        for (const auto& [key, value] : common_->objects)
            if (key.starts_with(prefix))
                keys.push_back(key);
        co_await arrive();
        co_return keys;
    }
    boost::asio::awaitable<std::unique_ptr<lock>> async_lock(std::string name) override
    {
        co_await begin("lock " + name);
        auto inner = co_await common_->locks->async_lock(std::move(name));
        co_return std::make_unique<held_lock>(*this, std::move(inner));
    }
    boost::asio::awaitable<void> async_guarded_save(std::string key, std::string value, const lock& guard) override
    {
        co_await begin("save " + key);
        check(guard);
        common_->change(key, std::move(value));
    }
    boost::asio::awaitable<void> async_guarded_erase(std::string key, const lock& guard) override
    {
        co_await begin("erase " + key);
        check(guard);
        common_->change(key, std::nullopt);
    }
    boost::asio::awaitable<bool> async_exchange(
        std::string key, std::optional<std::string> expected, std::string desired) override
    {
        co_await begin("save " + key);
        const auto found = common_->objects.find(key);
        const bool equal =
            expected ? found != common_->objects.end() && found->second == *expected : found == common_->objects.end();
        if (equal)
            common_->change(key, std::move(desired));
        co_return equal;
    }
    std::unique_ptr<subscription> watch(std::string prefix) override
    {
        queue_ = std::make_shared<change_queue>(std::move(prefix));
        return std::make_unique<fragile>(make_subscription(queue_));
    }
    /// The subscription's next receive fails.
    void break_subscription()
    {
        store_change c;
        c.key = "broken";
        tell(c);
    }

private:
    class fragile : public subscription
    {
    public:
        explicit fragile(std::unique_ptr<subscription> s)
            : behind_(std::move(s))
        {}
        boost::asio::awaitable<store_change> async_receive() override
        {
            auto c = co_await behind_->async_receive();
            if (c.key == "broken")
                throw error(make_error_code(boost::asio::error::connection_reset), "the test's store");
            co_return c;
        }

    private:
        std::unique_ptr<subscription> behind_;
    };

    class held_lock : public lock
    {
    public:
        held_lock(store_door& door, std::unique_ptr<lock> inner)
            : common_(door.common_)
            , door_(door)
            , inner_(std::move(inner))
        {
            common_->alive.insert(this);
            door_.held_.insert(this);
        }
        ~held_lock() override
        {
            common_->alive.erase(this);
            if (std::find(common_->doors.begin(), common_->doors.end(), &door_) != common_->doors.end())
                door_.held_.erase(this);
        }
        bool held() const noexcept override { return inner_ != nullptr; }
        void lose() { inner_.reset(); }

    private:
        std::shared_ptr<common_store> common_;
        store_door& door_;
        std::unique_ptr<lock> inner_;
    };

    boost::asio::awaitable<void> begin(std::string what)
    {
        for (int n = 0; n < turns; ++n)
            co_await boost::asio::post(boost::asio::use_awaitable);
        if (cut)
            throw error(make_error_code(boost::asio::error::connection_refused), "the test's store", what);
        log.push_back(std::move(what));
    }
    boost::asio::awaitable<void> arrive()
    {
        boost::system::error_code ec;
        if (const auto wait = way_back)
            co_await wait->async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ec));
    }
    void check(const lock& guard)
    {
        if (!common_->alive.contains(&guard))
            common_->dangling = true;
        else if (guard.held())
            return;
        throw error(make_error_code(errc::lock_lost), "the test's store");
    }

    std::shared_ptr<common_store> common_;
    std::shared_ptr<change_queue> queue_;
    std::vector<store_change> waiting_;
    std::vector<store_change> missed_;
    std::set<held_lock*> held_;
};

inline void common_store::change(const std::string& key, const std::optional<std::string>& value)
{
    if (!value && objects.erase(key) == 0)
        return;
    if (value)
        objects.insert_or_assign(key, *value);
    store_change c(value ? store_change::kind::saved : store_change::kind::erased);
    c.key = key;
    c.value = value.value_or("");
    for (auto* door : doors)
        door->hear(c);
}

} // namespace acme::test
