#pragma once

#include <acme/manager.hpp>

#include <boost/asio/experimental/concurrent_channel.hpp>

#include <memory>
#include <mutex>
#include <vector>

namespace acme {

/// Capacity one: a notification that finds another waiting has coalesced with it.
class notification_channel
{
public:
    explicit notification_channel(const boost::asio::any_io_executor& executor);

    void notify();
    /// A notification still waiting is received first.
    void close();
    boost::asio::awaitable<void> async_receive();

private:
    boost::asio::experimental::concurrent_channel<void(boost::system::error_code)> queue_;
};

/// The subscriptions of one manager. Thread safety: from any thread.
class watch_list
{
public:
    explicit watch_list(boost::asio::any_io_executor executor);

    std::shared_ptr<notification_channel> subscribe();
    void notify();
    void close();

private:
    std::vector<std::shared_ptr<notification_channel>> subscribers();

    boost::asio::any_io_executor executor_;
    std::mutex mutex_;
    bool closed_ = false;
    std::vector<std::weak_ptr<notification_channel>> channels_;
};

} // namespace acme
