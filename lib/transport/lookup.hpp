#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace acme {

/// The addresses of a host name by the system's resolver, at most 16, none twice. It has a thread of its own, so that a
/// name whose servers don't answer delays no other. The system can't be interrupted: its thread, which keeps `held`,
/// may go on after `until`, and even after the executor. Throws `acme::error`; `errc::timed_out` where it takes too
/// long, or there is no thread. Cancellation: terminal.
boost::asio::awaitable<std::vector<boost::asio::ip::address>> async_look_up(
    std::string host, std::shared_ptr<const void> held, std::chrono::steady_clock::time_point until);

} // namespace acme
