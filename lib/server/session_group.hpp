#pragma once

#include "server/session.hpp"

#include <boost/asio/steady_timer.hpp>

#include <list>
#include <memory>

namespace acme {

/// The connections of a server: counted, and none outlives it. Everything is called on the server's strand.
class session_group : public std::enable_shared_from_this<session_group>
{
public:
    session_group(strand server, std::size_t limit);

    /// Completes when another connection is allowed.
    asio::awaitable<void> async_wait_vacancy();
    /// Runs `work` on the session's strand.
    void start(std::shared_ptr<session> s, asio::awaitable<void> work);
    void drain();
    void abort();
    asio::awaitable<void> async_wait_empty();

private:
    void remove(std::list<std::shared_ptr<session>>::iterator position);

    const strand server_;
    const std::size_t limit_;
    std::list<std::shared_ptr<session>> sessions_;
    asio::steady_timer changed_;
};

} // namespace acme
