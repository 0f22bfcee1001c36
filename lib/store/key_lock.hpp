#pragma once

#include <acme/store.hpp>

#include <boost/asio/awaitable.hpp>

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace acme {

/// Locks by name among the coroutines of this process, first come first served. A held lock keeps the table alive.
class key_lock_table : public std::enable_shared_from_this<key_lock_table>
{
public:
    boost::asio::awaitable<std::unique_ptr<store::lock>> async_lock(std::string name);

private:
    class place_in_queue;

    static boost::asio::awaitable<std::unique_ptr<store::lock>> take(
        std::shared_ptr<key_lock_table> table, std::string name);

    bool enter(place_in_queue& place);
    void leave(place_in_queue& place) noexcept;

    std::mutex mutex_;
    // The first of a queue holds the lock. A queue is never empty.
    std::map<std::string, std::deque<place_in_queue*>, std::less<>> queues_;
};

} // namespace acme
