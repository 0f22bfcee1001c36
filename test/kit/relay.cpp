#include "kit/relay.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <atomic>
#include <functional>
#include <list>
#include <thread>

namespace acme::test {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

struct link
{
    link(tcp::socket a, asio::io_context& io)
        : near(std::move(a))
        , far(io)
    {}

    tcp::socket near;
    tcp::socket far;

    void close()
    {
        boost::system::error_code ignored;
        near.close(ignored);
        far.close(ignored);
    }
};

tcp::endpoint endpoint_of(const std::string& address)
{
    const auto colon = address.rfind(':');
    return {asio::ip::make_address(address.substr(0, colon)),
        static_cast<unsigned short>(std::stoi(address.substr(colon + 1)))};
}

} // namespace

struct relay::state
{
    explicit state(const std::string& address)
        : target(endpoint_of(address))
        , acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0))
        , mended(io, asio::steady_timer::time_point::max())
    {
        asio::co_spawn(io, accept(), asio::detached);
        thread = std::thread([this] { io.run(); });
    }
    ~state()
    {
        io.stop();
        thread.join();
    }

    void on_thread(std::function<void()> f) { asio::post(io, asio::use_future(std::move(f))).get(); }

    void close_all()
    {
        for (const auto& each : links)
            if (const auto l = each.lock())
                l->close();
        links.clear();
    }

    asio::awaitable<void> accept()
    {
        for (;;) {
            auto socket = co_await acceptor.async_accept(asio::use_awaitable);
            ++connections;
            if (is_cut)
                continue;
            const auto l = std::make_shared<link>(std::move(socket), io);
            links.push_back(l);
            asio::co_spawn(io, serve(l), asio::detached);
        }
    }

    asio::awaitable<void> serve(std::shared_ptr<link> l)
    {
        try {
            co_await l->far.async_connect(target, asio::use_awaitable);
            asio::co_spawn(io, pump(l, l->far, l->near), asio::detached);
            co_await pump(l, l->near, l->far);
        } catch (const boost::system::system_error&) {
            l->close();
        }
    }

    asio::awaitable<void> pump(std::shared_ptr<link> l, tcp::socket& from, tcp::socket& to)
    {
        std::array<char, 16 * 1024> octets;
        try {
            for (;;) {
                const std::size_t n = co_await from.async_read_some(asio::buffer(octets), asio::use_awaitable);
                boost::system::error_code ec;
                while (is_stalled)
                    co_await mended.async_wait(asio::redirect_error(asio::use_awaitable, ec));
                co_await asio::async_write(to, asio::buffer(octets, n), asio::use_awaitable);
            }
        } catch (const boost::system::system_error&) {
            l->close();
        }
    }

    asio::io_context io{1};
    tcp::endpoint target;
    tcp::acceptor acceptor;
    asio::steady_timer mended;
    std::list<std::weak_ptr<link>> links;
    bool is_cut = false;
    bool is_stalled = false;
    std::atomic<std::size_t> connections = 0;
    std::thread thread;
};

relay::relay(const std::string& target)
    : state_(std::make_unique<state>(target))
{}

relay::~relay() = default;

std::string relay::address() const
{
    return "127.0.0.1:" + std::to_string(state_->acceptor.local_endpoint().port());
}

void relay::cut()
{
    state_->on_thread([s = state_.get()] {
        s->is_cut = true;
        s->close_all();
    });
}

void relay::stall()
{
    state_->on_thread([s = state_.get()] { s->is_stalled = true; });
}

void relay::mend()
{
    state_->on_thread([s = state_.get()] {
        s->is_cut = s->is_stalled = false;
        s->mended.cancel();
    });
}

std::size_t relay::connections() const
{
    return state_->connections;
}

} // namespace acme::test
