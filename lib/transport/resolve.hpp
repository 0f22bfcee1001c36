#pragma once

#include "transport/target.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <vector>

namespace acme {

/// The addresses of a target in the resolver's order, as `async_look_up` finds them. Returns at `until` at the latest,
/// even while the system's resolver does not; at once where that is still busy with 32 lookups of the same name. Throws
/// `acme::error`.
boost::asio::awaitable<std::vector<boost::asio::ip::tcp::endpoint>> async_resolve(
    const target& where, std::chrono::steady_clock::time_point until);

} // namespace acme
