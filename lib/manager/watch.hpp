#pragma once

#include "store/wakeup.hpp"

#include <acme/manager.hpp>

#include <memory>
#include <mutex>
#include <vector>

namespace acme {

/// One receiver's notifications: one that finds another waiting has coalesced with it. Thread safety: from any thread,
/// one receive at a time.
class notification_channel
{
public:
    void notify();
    /// A notification still waiting is received first.
    void close();
    /// `self` is held until the end. Throws `errc::shut_down` once closed and empty, or operation_aborted; a
    /// notification is taken by the receive that completes, never by one that fails.
    static boost::asio::awaitable<void> async_receive(std::shared_ptr<notification_channel> self);

private:
    bool take(wakeup::notifier next_time);

    std::mutex mutex_;
    bool pending_ = false;
    bool closed_ = false;
    wakeup::notifier receiver_;
};

/// The subscriptions of one manager. Thread safety: from any thread.
class watch_list
{
public:
    std::shared_ptr<notification_channel> subscribe();
    void notify();
    void close();

private:
    std::vector<std::shared_ptr<notification_channel>> subscribers();

    std::mutex mutex_;
    bool closed_ = false;
    std::vector<std::weak_ptr<notification_channel>> channels_;
};

} // namespace acme
