#pragma once

#include "store/wakeup.hpp"

#include <acme/store.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace acme {

/// What waits for one subscription's receiver. Thread safety: from any thread, whatever mutex the caller holds.
class change_queue
{
public:
    static constexpr std::size_t max_messages = 1024;
    static constexpr std::size_t max_octets = std::size_t{16} << 20;

    enum class beginning
    {
        /// `anything` is in it.
        now,
        /// It is empty, and `anything` is the first to be pushed.
        later
    };

    explicit change_queue(std::string prefix, beginning b = beginning::now);

    const std::string& prefix() const noexcept { return prefix_; }
    /// Becomes one `anything` with all that waits, where it has no room.
    void push(store_change c);
    /// Nothing more is pushed. What waits is received first.
    void close();

    /// `self` is held until the end.
    static boost::asio::awaitable<store_change> async_receive(std::shared_ptr<change_queue> self);

private:
    std::optional<store_change> take(wakeup::notifier next_time);

    const std::string prefix_;
    std::mutex mutex_;
    std::deque<store_change> messages_;
    std::size_t octets_ = 0;
    bool closed_ = false;
    wakeup::notifier receiver_;
};

/// The queue's receiver. `on_end` is called when it is destroyed.
std::unique_ptr<subscription> make_subscription(
    std::shared_ptr<change_queue> queue, std::function<void()> on_end = nullptr);

/// The subscriptions of a store that hears of every change itself. Thread safety: a `change_queue`'s.
class change_publisher
{
public:
    change_publisher() = default;
    change_publisher(const change_publisher&) = delete;
    change_publisher& operator=(const change_publisher&) = delete;
    ~change_publisher() { close(); }

    std::unique_ptr<subscription> subscribe(std::string prefix);
    /// No value: it was erased.
    void publish(const std::string& key, const std::optional<std::string>& value);
    void close();

private:
    std::mutex mutex_;
    std::vector<std::weak_ptr<change_queue>> queues_;
    bool closed_ = false;
};

} // namespace acme
