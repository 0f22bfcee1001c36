#include "transport/pool.hpp"

#include <algorithm>
#include <utility>

namespace acme {

namespace asio = boost::asio;
using std::chrono::steady_clock;

pool::pool(asio::any_io_executor executor, std::size_t max_connections, steady_clock::duration idle_timeout)
    : max_connections_(max_connections)
    , idle_timeout_(idle_timeout)
    , timer_(std::move(executor))
{}

asio::awaitable<slots::lease> pool::async_enter(std::string origin, steady_clock::time_point until)
{
    // Origins come from the CA's answers: those without a connection are forgotten, lest they add up.
    std::erase_if(origins_,
        [&](const auto& o) { return o.first != origin && o.second.idle.empty() && o.second.places.unused(); });
    slots places = origins_.try_emplace(origin, max_connections_).first->second.places;
    co_return co_await places.async_acquire(until);
}

std::unique_ptr<connection> pool::take(const std::string& origin)
{
    const auto found = origins_.find(origin);
    if (found == origins_.end())
        return nullptr;
    auto& idle = found->second.idle;
    while (!idle.empty()) {
        auto last = std::move(idle.back());
        idle.pop_back();
        if (last->idle_since + idle_timeout_ > steady_clock::now() && last->quiet())
            return last;
    }
    return nullptr;
}

void pool::keep(const std::string& origin, std::unique_ptr<connection> c)
{
    c->idle_since = steady_clock::now();
    origins_.try_emplace(origin, max_connections_).first->second.idle.push_back(std::move(c));
    watch();
}

void pool::watch()
{
    if (watching_)
        return;
    auto first = steady_clock::time_point::max();
    for (const auto& [origin, e] : origins_)
        for (const auto& c : e.idle)
            first = std::min(first, c->idle_since + idle_timeout_);
    if (first == steady_clock::time_point::max())
        return;
    watching_ = true;
    timer_.expires_at(first);
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code) {
        if (const auto self = weak.lock())
            self->expire();
    });
}

void pool::expire()
{
    watching_ = false;
    const auto old = steady_clock::now() - idle_timeout_;
    for (auto& [origin, e] : origins_)
        std::erase_if(e.idle, [old](const auto& c) { return c->idle_since <= old; });
    watch();
}

} // namespace acme
