#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace acme {

/// The addresses of a host name. Throws what it likes where there are none; awaited on the manager's strand, so it must
/// not block, and should end when it is cancelled (which `tcp::resolver` does not).
using host_resolver = std::function<boost::asio::awaitable<std::vector<boost::asio::ip::address>>(std::string host)>;

/// The check before the first order for a name: the name is resolved and asked, as the CA's validation would ask it,
/// whether it leads back to this manager. Where it does not, the CA is not asked, and the name is refused for a while,
/// an hour at most (`errc::self_check_failed`). A name that can't be looked up in time is refused with the same error,
/// but may be tried again at once.
///
/// What stands in for the validation is a tls-alpn-01 handshake (RFC 8737) and, where port 80 is served, an http-01
/// request (RFC 8555 section 8.3), with the name's first addresses, all at once; one that comes back is enough. A check
/// whose turn comes when no handshake waits for it any more is given up. Among managers on one store
/// (`manager::async_use_store`) an answer of any of them will do; over TLS another one's takes half a second,
/// since it might be a CA that asks, whose challenge is on its way. They know each other by a key that they share in
/// the store.
struct self_check_options
{
    /// Whether names are checked for which neither an allow-list nor a decision function vouches.
    bool enabled = true;
    /// Where a validation of tls-alpn-01 and one of http-01 would connect to.
    std::uint16_t tls_port = 443;
    std::uint16_t http_port = 80;
    /// For the whole check, once its turn has come.
    std::chrono::milliseconds timeout{10'000};
    /// How many of a name's addresses are tried.
    std::size_t max_addresses = 4;
    /// How many names are checked at a time, in all and for one client (an IPv4 address, or an IPv6 network of 64 bits)
    /// where its address is known; others wait in line. Twice as many are looked up at a time, as the system may go on
    /// after the time-out, each on a thread of its own.
    std::size_t max_concurrent = 64;
    std::size_t max_concurrent_per_client = 4;
    /// Whether addresses count that are not reachable from everywhere (loopback, private, link-local and others of the
    /// IANA special-purpose registries), which no public CA connects to. Without it nothing connects to them, whatever
    /// the resolver says: who has a name of his own can have it lead to any address.
    bool private_addresses = false;
    /// The system's (getaddrinfo) where empty.
    host_resolver resolver;

    self_check_options() = default;
};

} // namespace acme
