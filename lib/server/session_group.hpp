#pragma once

#include "manager/counted_client.hpp"
#include "server/session.hpp"

#include <boost/asio/steady_timer.hpp>

#include <list>
#include <memory>

namespace acme {

/// The connections of a server: counted, and none outlives it. Everything is called on the server's strand.
class session_group : public std::enable_shared_from_this<session_group>
{
public:
    /// So many in all, and of one client.
    session_group(strand server, std::size_t limit, std::size_t client_limit);

    /// Completes when another connection is allowed.
    asio::awaitable<void> async_wait_vacancy();
    /// Whether another connection of this client is allowed.
    bool has_room_for(const asio::ip::address& client) const;
    /// Runs `work` on the session's strand.
    void start(std::shared_ptr<session> s, asio::awaitable<void> work);
    void drain();
    void abort();
    asio::awaitable<void> async_wait_empty();

private:
    struct connection
    {
        connection(std::shared_ptr<session> s, client_counts& counts)
            : state(std::move(s))
            , of_client(counts, client_key(state->peer.address()))
        {}

        std::shared_ptr<session> state;
        counted_client of_client;
    };

    void remove(std::list<connection>::iterator position);

    const strand server_;
    const std::size_t limit_;
    const std::size_t client_limit_;
    client_counts of_clients_;
    std::list<connection> connections_;
    asio::steady_timer changed_;
};

} // namespace acme
