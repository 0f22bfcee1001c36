#include "manager/watch.hpp"

#include <boost/asio/this_coro.hpp>

namespace acme {

namespace asio = boost::asio;

void notification_channel::notify()
{
    wakeup::notifier wake;
    {
        std::lock_guard lock(mutex_);
        pending_ = true;
        wake = receiver_;
    }
    wake();
}

void notification_channel::close()
{
    wakeup::notifier wake;
    {
        std::lock_guard lock(mutex_);
        closed_ = true;
        wake = receiver_;
    }
    wake();
}

bool notification_channel::take(wakeup::notifier next_time)
{
    std::lock_guard lock(mutex_);
    bool taken = std::exchange(pending_, false);
    if (!taken && closed_)
        throw error(make_error_code(errc::shut_down), "watch");
    receiver_ = taken ? wakeup::notifier() : std::move(next_time);
    return taken;
}

asio::awaitable<void> notification_channel::async_receive(std::shared_ptr<notification_channel> self)
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    for (;;) {
        wakeup turn(executor);
        if (self->take(turn.get_notifier()))
            co_return;
        co_await turn.async_wait("watch");
    }
}

watcher::watcher(std::shared_ptr<notification_channel> c) noexcept
    : channel_(std::move(c))
{}
watcher::~watcher() = default;
watcher::watcher(watcher&&) noexcept = default;
watcher& watcher::operator=(watcher&&) noexcept = default;

asio::awaitable<void> watcher::async_receive()
{
    return notification_channel::async_receive(channel_);
}

std::shared_ptr<notification_channel> watch_list::subscribe()
{
    auto c = std::make_shared<notification_channel>();
    c->notify();
    std::lock_guard lock(mutex_);
    if (closed_)
        c->close();
    else
        channels_.push_back(c);
    return c;
}

// Copies, since a channel must not be touched under the mutex: it wakes its receiver.
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
