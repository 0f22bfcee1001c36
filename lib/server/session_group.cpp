#include "server/session_group.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>

namespace acme {

void session::drain()
{
    draining = true;
    if (done)
        return;
    if (doing == phase::handshake)
        signal.emit(asio::cancellation_type::terminal);
    else if (doing == phase::idle && cancel_io)
        cancel_io();
}

void session::abort()
{
    draining = true;
    if (!done)
        signal.emit(asio::cancellation_type::terminal);
}

session_group::session_group(strand server, std::size_t limit, std::size_t client_limit)
    : server_(std::move(server))
    , limit_(limit)
    , client_limit_(client_limit)
    , changed_(server_, asio::steady_timer::time_point::max())
{}

asio::awaitable<void> session_group::async_wait_vacancy()
{
    while (connections_.size() >= limit_)
        co_await changed_.async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<void> session_group::async_wait_empty()
{
    while (!connections_.empty())
        co_await changed_.async_wait(asio::as_tuple(asio::use_awaitable));
}

bool session_group::has_room_for(const asio::ip::address& client) const
{
    const auto found = of_clients_.find(client_key(client));
    return found == of_clients_.end() || found->second < client_limit_;
}

void session_group::start(std::shared_ptr<session> s, asio::awaitable<void> work)
{
    auto position = connections_.emplace(connections_.end(), s, of_clients_);
    auto finished = [group = shared_from_this(), s, position](std::exception_ptr) {
        s->done = true;
        asio::post(group->server_, [group, position] { group->remove(position); });
    };
    asio::co_spawn(s->where, std::move(work), asio::bind_cancellation_slot(s->signal.slot(), std::move(finished)));
}

void session_group::remove(std::list<connection>::iterator position)
{
    connections_.erase(position);
    changed_.cancel();
}

void session_group::drain()
{
    for (auto& [s, of_client] : connections_)
        asio::post(s->where, [held = s] { held->drain(); });
}

void session_group::abort()
{
    for (auto& [s, of_client] : connections_)
        asio::post(s->where, [held = s] { held->abort(); });
}

} // namespace acme
