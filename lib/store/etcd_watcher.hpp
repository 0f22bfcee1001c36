#pragma once

#include "store/change_queue.hpp"
#include "store/etcd_gateway.hpp"

#include <boost/asio/steady_timer.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace acme {

/// What changes in etcd below one prefix, told to subscriptions and to those who wait for a key to go. There is a
/// connection while there are any. Everything is called on the gateway's strand, but for `subscribe` and `close`.
class etcd_watcher : public std::enable_shared_from_this<etcd_watcher>
{
public:
    /// Subscriptions are to the objects, whose keys begin with `prefix + below`.
    etcd_watcher(std::shared_ptr<etcd_gateway> gateway, std::string prefix, const std::string& below);

    std::unique_ptr<subscription> subscribe(std::string prefix);
    /// Ends the subscriptions.
    void close();

    /// Waits for one key, which it must be made for before that key is found to be there.
    class departure
    {
    public:
        departure(std::shared_ptr<etcd_watcher> owner, std::string key);
        ~departure();
        departure(const departure&) = delete;
        departure& operator=(const departure&) = delete;

        /// Completes when the key is gone, and at times when it is not.
        boost::asio::awaitable<void> async_wait();

    private:
        friend class etcd_watcher;

        std::shared_ptr<etcd_watcher> owner_;
        std::multimap<std::string, departure*, std::less<>>::iterator place_;
        boost::asio::steady_timer event_;
        bool woken_ = false;
    };

    /// Wakes all who wait for keys.
    void wake_all();

private:
    static boost::asio::awaitable<void> run(std::shared_ptr<etcd_watcher> self);
    static boost::asio::awaitable<void> read(std::shared_ptr<etcd_watcher> self);
    static boost::asio::awaitable<bool> is_at_its_place(std::shared_ptr<etcd_watcher> self);
    static boost::asio::awaitable<void> ask(std::shared_ptr<etcd_watcher> self);
    void add(std::shared_ptr<change_queue> queue, std::int64_t revision);
    void need(std::int64_t revision);
    bool is_needed();
    void leave();
    bool take_line(const std::string& line);
    void take(const etcd_watch_message& message);
    void take(const etcd_event& event);
    void wake(std::string_view key);
    void tell(const store_change& change);
    void lose_place(std::int64_t next);
    void take_end(const std::optional<error>& failure);

    const std::shared_ptr<etcd_gateway> gateway_;
    const std::string prefix_;
    const std::string objects_;
    std::vector<std::weak_ptr<change_queue>> queues_;
    std::multimap<std::string, departure*, std::less<>> departures_;
    // The revision from which on nothing has been heard; 0: that is from the next connection on.
    std::int64_t next_ = 0;
    bool running_ = false;
    bool asking_ = false;
    bool closed_ = false;
    // Nobody needed it for a while.
    bool left_ = false;
    // What was missed is told once there is a connection again.
    bool missed_ = false;
    // The member has not come as far.
    bool ahead_ = false;
    // Watches in a row that ended soon.
    unsigned failures_ = 0;
    bool interrupted_ = false;
    line_stream* stream_ = nullptr;
    boost::asio::steady_timer pause_;
    boost::asio::steady_timer next_question_;
};

} // namespace acme
