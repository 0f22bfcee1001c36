#include "transport/resolve.hpp"

#include "transport/lookup.hpp"

#include <acme/error.hpp>

#include <charconv>
#include <optional>

namespace acme {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr const char* step = "connection to the CA";

std::uint16_t port_of(const target& where)
{
    std::uint16_t port = 0;
    std::from_chars(where.port.data(), where.port.data() + where.port.size(), port);
    return port;
}

} // namespace

asio::awaitable<std::vector<tcp::endpoint>> async_resolve(
    const target& where, std::chrono::steady_clock::time_point until)
{
    std::vector<asio::ip::address> found;
    std::optional<error> failure;
    if (where.ip_address)
        found.push_back(asio::ip::make_address(where.host));
    else
        try {
            found = co_await async_look_up(where.host, nullptr, until);
        } catch (const error& e) {
            const bool is_late = e.code() == errc::timed_out;
            failure.emplace(e.code(), step, where.authority + (is_late ? ": " + e.explanation() : ""));
        }
    if (failure)
        throw error(*failure);
    std::vector<tcp::endpoint> endpoints;
    for (const auto& address : found)
        endpoints.emplace_back(address, port_of(where));
    co_return endpoints;
}

} // namespace acme
