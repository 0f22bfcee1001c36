#include "store/key_lock.hpp"

#include "store/object.hpp"
#include "store/wakeup.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <optional>

namespace acme {

namespace asio = boost::asio;

// Both the wait and the held lock: however the coroutine ends, its place becomes free, and the next one's turn comes.
class key_lock_table::place_in_queue : public store::lock
{
public:
    place_in_queue(std::shared_ptr<key_lock_table> table, std::string name)
        : table_(std::move(table))
        , name_(std::move(name))
    {}
    ~place_in_queue() override { table_->leave(*this); }

    const std::string& name() const noexcept { return name_; }

    wakeup::notifier my_turn;

private:
    std::shared_ptr<key_lock_table> table_;
    std::string name_;
};

asio::awaitable<std::unique_ptr<store::lock>> key_lock_table::async_lock(std::string name)
{
    return take(shared_from_this(), std::move(name));
}

asio::awaitable<std::unique_ptr<store::lock>> key_lock_table::take(
    std::shared_ptr<key_lock_table> table, std::string name)
{
    check_key(name);
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    wakeup turn(executor);
    auto place = std::make_unique<place_in_queue>(table, std::move(name));
    place->my_turn = turn.get_notifier();
    if (!table->enter(*place))
        co_await turn.async_wait("waiting for a lock");
    co_return std::move(place);
}

bool key_lock_table::enter(place_in_queue& place)
{
    const std::lock_guard guard(mutex_);
    auto& queue = queues_[place.name()];
    queue.push_back(&place);
    return queue.size() == 1;
}

void key_lock_table::leave(place_in_queue& place) noexcept
{
    wakeup::notifier next;
    {
        const std::lock_guard guard(mutex_);
        const auto entry = queues_.find(place.name());
        if (entry == queues_.end())
            return;
        auto& queue = entry->second;
        const bool held = !queue.empty() && queue.front() == &place;
        std::erase(queue, &place);
        if (queue.empty())
            queues_.erase(entry);
        else if (held)
            next = queue.front()->my_turn;
    }
    next();
}

} // namespace acme
