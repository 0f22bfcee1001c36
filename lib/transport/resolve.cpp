#include "transport/resolve.hpp"

#include "transport/lookup.hpp"

#include <acme/error.hpp>

#include <charconv>
#include <map>
#include <memory>
#include <mutex>
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

// The system goes on with lookups that were given up. Each name has so many places, lest their threads pile up.
std::shared_ptr<const void> lookup_place(const std::string& host)
{
    constexpr long most = 32;
    static std::mutex mutex;
    static std::map<std::string, std::shared_ptr<const int>> places;
    const std::lock_guard lock(mutex);
    std::erase_if(places, [](const auto& each) { return each.second.use_count() == 1; });
    auto& place = places[host];
    if (!place)
        place = std::make_shared<const int>();
    return place.use_count() <= most ? place : nullptr;
}

asio::awaitable<std::vector<asio::ip::address>> look_up(std::string host, std::chrono::steady_clock::time_point until)
{
    auto place = lookup_place(host);
    if (!place)
        throw error(make_error_code(errc::timed_out), step, "its servers have not answered earlier lookups yet");
    co_return co_await async_look_up(std::move(host), std::move(place), until);
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
            found = co_await look_up(where.host, until);
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
