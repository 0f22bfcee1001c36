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

session_group::session_group(strand server, std::size_t limit)
    : server_(std::move(server))
    , limit_(limit)
    , changed_(server_, asio::steady_timer::time_point::max())
{}

asio::awaitable<void> session_group::async_wait_vacancy()
{
    while (sessions_.size() >= limit_)
        co_await changed_.async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<void> session_group::async_wait_empty()
{
    while (!sessions_.empty())
        co_await changed_.async_wait(asio::as_tuple(asio::use_awaitable));
}

void session_group::start(std::shared_ptr<session> s, asio::awaitable<void> work)
{
    sessions_.push_back(s);
    auto position = std::prev(sessions_.end());
    auto finished = [group = shared_from_this(), s, position](std::exception_ptr) {
        s->done = true;
        asio::post(group->server_, [group, position] { group->remove(position); });
    };
    asio::co_spawn(s->where, std::move(work), asio::bind_cancellation_slot(s->signal.slot(), std::move(finished)));
}

void session_group::remove(std::list<std::shared_ptr<session>>::iterator position)
{
    sessions_.erase(position);
    changed_.cancel();
}

void session_group::drain()
{
    for (auto& s : sessions_)
        asio::post(s->where, [s] { s->drain(); });
}

void session_group::abort()
{
    for (auto& s : sessions_)
        asio::post(s->where, [s] { s->abort(); });
}

} // namespace acme
