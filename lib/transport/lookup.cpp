#include "transport/lookup.hpp"

#include <acme/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cstring>
#include <functional>
#include <mutex>
#include <netdb.h>
#include <thread>

namespace acme {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using addresses = std::vector<asio::ip::address>;

constexpr const char* step = "looking a name up";
constexpr std::size_t max_addresses = 16;

// What the thread and whoever waits for it share.
struct lookup
{
    std::mutex mutex;
    // Empty once nobody waits, as the executor may be gone then.
    std::function<void()> wake;
    bool finished = false;
    error_code ec;
    addresses found;
};

error_code code_of(int failure)
{
    if (failure == 0)
        return {};
    if (failure == EAI_AGAIN)
        return asio::error::host_not_found_try_again;
    return failure == EAI_NONAME ? asio::error::host_not_found : asio::error::no_recovery;
}

addresses addresses_in(const addrinfo* list)
{
    addresses found;
    for (; list && found.size() < max_addresses; list = list->ai_next) {
        asio::ip::tcp::endpoint endpoint;
        if (list->ai_addrlen > endpoint.capacity())
            continue;
        std::memcpy(endpoint.data(), list->ai_addr, list->ai_addrlen);
        if (std::ranges::find(found, endpoint.address()) == found.end())
            found.push_back(endpoint.address());
    }
    return found;
}

void look_up(lookup& l, const std::string& host) noexcept
try {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const int failure = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, [](addrinfo* a) {
        if (a)
            ::freeaddrinfo(a);
    });
    auto found = addresses_in(list);
    std::lock_guard lock(l.mutex);
    l.ec = code_of(failure);
    l.found = std::move(found);
    l.finished = true;
    if (l.wake)
        l.wake();
} catch (...) {
    // Out of memory: it takes too long.
}

// Leaves the thread behind, also when the coroutine is destroyed.
class waiter
{
public:
    waiter(std::shared_ptr<lookup> l, std::function<void()> wake)
        : lookup_(std::move(l))
    {
        lookup_->wake = std::move(wake);
    }
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;
    ~waiter()
    {
        std::lock_guard lock(lookup_->mutex);
        lookup_->wake = nullptr;
    }

private:
    std::shared_ptr<lookup> lookup_;
};

void start(std::shared_ptr<lookup> l, std::string host, std::shared_ptr<const void> held)
try {
    std::thread([l = std::move(l), host = std::move(host), held = std::move(held)] { look_up(*l, host); }).detach();
} catch (const std::system_error& e) {
    throw error(make_error_code(errc::timed_out), step, e.what());
}

} // namespace

asio::awaitable<addresses> async_look_up(
    std::string host, std::shared_ptr<const void> held, std::chrono::steady_clock::time_point until)
{
    const auto executor = co_await asio::this_coro::executor;
    const auto done = std::make_shared<asio::steady_timer>(executor, until);
    auto l = std::make_shared<lookup>();
    const waiter here(l, [executor, done] { asio::post(executor, [done] { done->cancel(); }); });
    start(l, host, std::move(held));
    error_code ec;
    co_await done->async_wait(asio::redirect_error(asio::use_awaitable, ec));
    std::lock_guard lock(l->mutex);
    if (l->finished && l->ec)
        throw error(l->ec, step, host);
    if (l->finished)
        co_return std::move(l->found);
    if (ec)
        throw error(ec, step, host);
    throw error(make_error_code(errc::timed_out), step, "looking the name up takes too long");
}

} // namespace acme
