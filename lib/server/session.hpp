#pragma once

#include "transport/on_strand.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <functional>

namespace acme {

/// One connection of a server, as seen by those who may end it. Its members are used on its strand only.
struct session
{
    enum class phase
    {
        handshake,
        idle,
        busy
    };

    session(strand s, asio::ip::tcp::endpoint peer_address)
        : where(std::move(s))
        , peer(std::move(peer_address))
    {}

    /// No request is accepted any more: ends a handshake, wakes an idle connection, leaves a busy one.
    void drain();
    /// Ends it whatever it does.
    void abort();

    const strand where;
    const asio::ip::tcp::endpoint peer;
    phase doing = phase::handshake;
    bool draining = false;
    bool done = false;
    /// Ends the operations on the socket; set while there is a socket.
    std::function<void()> cancel_io;
    asio::cancellation_signal signal;
};

} // namespace acme
