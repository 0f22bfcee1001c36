#include "transport/resolve.hpp"

#include <acme/error.hpp>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <charconv>
#include <memory>

namespace acme {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr const char* step = "connection to the CA";
constexpr std::size_t max_addresses = 16;

// The resolver can't be cancelled while its thread is in getaddrinfo; so it reports to an object that the coroutine may
// leave behind.
struct lookup
{
    explicit lookup(asio::any_io_executor executor)
        : resolver(executor)
        , done(executor)
    {}

    tcp::resolver resolver;
    asio::steady_timer done;
    bool finished = false;
    error_code ec;
    std::vector<tcp::endpoint> endpoints;
};

void start(const std::shared_ptr<lookup>& l, const target& where)
{
    l->resolver.async_resolve(where.host, where.port, [l](error_code ec, tcp::resolver::results_type results) {
        l->finished = true;
        l->ec = ec;
        for (const auto& entry : results)
            if (l->endpoints.size() < max_addresses)
                l->endpoints.push_back(entry.endpoint());
        l->done.cancel();
    });
}

// Leaves the lookup behind also when the coroutine is destroyed.
struct abandon
{
    std::shared_ptr<lookup> l;

    explicit abandon(std::shared_ptr<lookup> l_)
        : l(std::move(l_))
    {}
    ~abandon() { l->resolver.cancel(); }
    abandon(const abandon&) = delete;
    abandon& operator=(const abandon&) = delete;
};

tcp::endpoint literal(const target& where)
{
    unsigned short port = 0;
    std::from_chars(where.port.data(), where.port.data() + where.port.size(), port);
    return tcp::endpoint(asio::ip::make_address(where.host), port);
}

} // namespace

asio::awaitable<std::vector<tcp::endpoint>> async_resolve(
    const target& where, std::chrono::steady_clock::time_point until)
{
    if (where.ip_address)
        co_return std::vector<tcp::endpoint>(1, literal(where));

    auto l = std::make_shared<lookup>(co_await asio::this_coro::executor);
    l->done.expires_at(until);
    start(l, where);
    const abandon guard(l);
    error_code ec;
    co_await l->done.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    if (!l->finished && !ec)
        throw error(errc::timed_out, step, where.authority + ": looking the name up takes too long");
    if (!l->finished)
        throw error(ec, step, where.authority);
    if (l->ec)
        throw error(l->ec, step, where.authority);
    co_return l->endpoints;
}

} // namespace acme
