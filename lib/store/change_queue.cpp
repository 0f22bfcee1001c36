#include "store/change_queue.hpp"

#include <boost/asio/this_coro.hpp>

namespace acme {

namespace asio = boost::asio;

namespace {

std::size_t size_of(const store_change& c)
{
    return c.key.size() + c.value.size();
}

class queue_receiver final : public subscription
{
public:
    queue_receiver(std::shared_ptr<change_queue> queue, std::function<void()> on_end)
        : queue_(std::move(queue))
        , on_end_(std::move(on_end))
    {}
    ~queue_receiver() override
    {
        queue_.reset();
        if (on_end_)
            on_end_();
    }

    asio::awaitable<store_change> async_receive() override { return change_queue::async_receive(queue_); }

private:
    std::shared_ptr<change_queue> queue_;
    std::function<void()> on_end_;
};

} // namespace

change_queue::change_queue(std::string prefix, beginning b)
    : prefix_(std::move(prefix))
    , messages_(b == beginning::now ? 1 : 0)
{}

void change_queue::push(store_change c)
{
    wakeup::notifier wake;
    {
        const std::lock_guard guard(mutex_);
        if (closed_)
            return;
        const bool state = c.what == store_change::kind::interrupted || c.what == store_change::kind::resumed;
        const bool full = messages_.size() >= max_messages || octets_ + size_of(c) > max_octets;
        if (full) {
            messages_.assign(1, store_change());
            octets_ = 0;
        }
        if (!full || state) {
            octets_ += size_of(c);
            messages_.push_back(std::move(c));
        }
        wake = receiver_;
    }
    wake();
}

void change_queue::close()
{
    wakeup::notifier wake;
    {
        const std::lock_guard guard(mutex_);
        closed_ = true;
        wake = receiver_;
    }
    wake();
}

std::optional<store_change> change_queue::take(wakeup::notifier next_time)
{
    const std::lock_guard guard(mutex_);
    if (messages_.empty() && closed_)
        throw error(make_error_code(errc::shut_down), "watching the store");
    receiver_ = messages_.empty() ? std::move(next_time) : wakeup::notifier();
    if (messages_.empty())
        return std::nullopt;
    store_change first = std::move(messages_.front());
    messages_.pop_front();
    octets_ -= size_of(first);
    return first;
}

asio::awaitable<store_change> change_queue::async_receive(std::shared_ptr<change_queue> self)
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    for (;;) {
        wakeup turn(executor);
        if (auto message = self->take(turn.get_notifier()))
            co_return std::move(*message);
        co_await turn.async_wait("watching the store");
    }
}

std::unique_ptr<subscription> make_subscription(std::shared_ptr<change_queue> queue, std::function<void()> on_end)
{
    return std::make_unique<queue_receiver>(std::move(queue), std::move(on_end));
}

std::unique_ptr<subscription> change_publisher::subscribe(std::string prefix)
{
    auto queue = std::make_shared<change_queue>(std::move(prefix));
    const std::lock_guard guard(mutex_);
    if (closed_)
        queue->close();
    std::erase_if(queues_, [](const auto& q) { return q.expired(); });
    queues_.push_back(queue);
    return make_subscription(std::move(queue));
}

void change_publisher::publish(const std::string& key, const std::optional<std::string>& value)
{
    const std::lock_guard guard(mutex_);
    for (const auto& weak : queues_) {
        const auto queue = weak.lock();
        if (!queue || !key.starts_with(queue->prefix()))
            continue;
        store_change change(value ? store_change::kind::saved : store_change::kind::erased);
        change.key = key;
        change.value = value.value_or("");
        queue->push(std::move(change));
    }
}

void change_publisher::close()
{
    const std::lock_guard guard(mutex_);
    closed_ = true;
    for (const auto& weak : queues_)
        if (const auto queue = weak.lock())
            queue->close();
}

} // namespace acme
