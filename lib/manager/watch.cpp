#include "manager/watch.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace acme {

namespace asio = boost::asio;

notification_channel::notification_channel(const asio::any_io_executor& executor)
    : queue_(executor, 1)
{}

void notification_channel::notify()
{
    queue_.try_send(boost::system::error_code());
}

void notification_channel::close()
{
    queue_.close();
}

asio::awaitable<void> notification_channel::async_receive()
{
    auto received = co_await queue_.async_receive(asio::as_tuple(asio::use_awaitable));
    auto failed = std::get<0>(received);
    if (failed == asio::error::operation_aborted)
        throw error(failed, "watch");
    if (failed)
        throw error(make_error_code(errc::shut_down), "watch");
}

watcher::watcher(std::shared_ptr<notification_channel> c) noexcept
    : channel_(std::move(c))
{}
watcher::~watcher() = default;
watcher::watcher(watcher&&) noexcept = default;
watcher& watcher::operator=(watcher&&) noexcept = default;

asio::awaitable<void> watcher::async_receive()
{
    auto held = channel_;
    co_await held->async_receive();
}

watch_list::watch_list(asio::any_io_executor executor)
    : executor_(std::move(executor))
{}

std::shared_ptr<notification_channel> watch_list::subscribe()
{
    auto c = std::make_shared<notification_channel>(executor_);
    c->notify();
    std::lock_guard lock(mutex_);
    if (closed_)
        c->close();
    else
        channels_.push_back(c);
    return c;
}

// Copies, since a channel must not be touched under the mutex: it may complete a receiver in place.
std::vector<std::shared_ptr<notification_channel>> watch_list::subscribers()
{
    std::vector<std::shared_ptr<notification_channel>> alive;
    std::lock_guard lock(mutex_);
    std::erase_if(channels_, [&](const std::weak_ptr<notification_channel>& w) {
        auto c = w.lock();
        if (c)
            alive.push_back(std::move(c));
        return w.expired();
    });
    return alive;
}

void watch_list::notify()
{
    for (auto& c : subscribers())
        c->notify();
}

void watch_list::close()
{
    {
        std::lock_guard lock(mutex_);
        closed_ = true;
    }
    for (auto& c : subscribers())
        c->close();
}

} // namespace acme
