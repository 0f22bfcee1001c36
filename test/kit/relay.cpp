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
#include <string_view>
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

std::vector<tcp::endpoint> endpoints_of(const std::vector<std::string>& addresses)
{
    std::vector<tcp::endpoint> all;
    for (const auto& each : addresses)
        all.push_back(endpoint_of(each));
    return all;
}

/// Finds the request lines in what a client sends, however it comes in pieces.
class request_lines
{
public:
    explicit request_lines(std::map<std::string, std::size_t>& count)
        : count_(count)
    {}

    void read(std::string_view octets)
    {
        constexpr std::string_view end = " HTTP/1.1\r\n";
        constexpr std::size_t longest = 512;
        seen_ += octets;
        for (auto at = seen_.find(end); at != seen_.npos; at = seen_.find(end)) {
            const auto target = seen_.rfind(' ', at - 1);
            if (at > 0 && target != seen_.npos)
                ++count_[seen_.substr(target + 1, at - target - 1)];
            seen_.erase(0, at + end.size());
        }
        if (seen_.size() > longest)
            seen_.erase(0, seen_.size() - longest);
    }

private:
    std::map<std::string, std::size_t>& count_;
    std::string seen_;
};

} // namespace

struct relay::state
{
    state(const std::vector<std::string>& addresses, std::uint16_t port)
        : targets(endpoints_of(addresses))
        , acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), port))
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
            if (targets.size() == 1)
                co_await connect(l->far);
            else
                co_await dispatch(*l);
            asio::co_spawn(io, pump(l, l->far, l->near, nullptr), asio::detached);
            request_lines lines(requests);
            co_await pump(l, l->near, l->far, &lines);
        } catch (const boost::system::system_error&) {
            l->close();
        }
    }

    // The client's first octets go to another target where one ends before it has answered them.
    asio::awaitable<void> dispatch(link& l)
    {
        std::array<char, 16 * 1024> question, answer;
        const std::size_t n = co_await l.near.async_read_some(asio::buffer(question), asio::use_awaitable);
        co_await wait_while_stalled();
        for (std::size_t m = 0; m == 0;) {
            boost::system::error_code ec;
            auto token = asio::redirect_error(asio::use_awaitable, ec);
            co_await connect(l.far);
            co_await asio::async_write(l.far, asio::buffer(question, n), token);
            m = co_await l.far.async_read_some(asio::buffer(answer), token);
            if (!l.near.is_open())
                throw boost::system::system_error(asio::error::operation_aborted);
            co_await wait_while_stalled();
            co_await asio::async_write(l.near, asio::buffer(answer, m), asio::use_awaitable);
        }
    }

    asio::awaitable<void> wait_while_stalled()
    {
        boost::system::error_code ec;
        while (is_stalled)
            co_await mended.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    }

    asio::awaitable<void> connect(tcp::socket& far)
    {
        boost::system::error_code ec = asio::error::host_unreachable;
        for (std::size_t n = 0; n != targets.size() && ec; ++n) {
            far = tcp::socket(io);
            const tcp::endpoint target = targets[next++ % targets.size()];
            co_await far.async_connect(target, asio::redirect_error(asio::use_awaitable, ec));
        }
        if (ec)
            throw boost::system::system_error(ec);
    }

    asio::awaitable<void> pump(std::shared_ptr<link> l, tcp::socket& from, tcp::socket& to, request_lines* lines)
    {
        std::array<char, 16 * 1024> octets;
        try {
            for (;;) {
                const std::size_t n = co_await from.async_read_some(asio::buffer(octets), asio::use_awaitable);
                if (lines)
                    lines->read({octets.data(), n});
                co_await wait_while_stalled();
                co_await asio::async_write(to, asio::buffer(octets, n), asio::use_awaitable);
            }
        } catch (const boost::system::system_error&) {
            l->close();
        }
    }

    asio::io_context io{1};
    std::vector<tcp::endpoint> targets;
    std::size_t next = 0;
    tcp::acceptor acceptor;
    asio::steady_timer mended;
    std::list<std::weak_ptr<link>> links;
    bool is_cut = false;
    bool is_stalled = false;
    std::atomic<std::size_t> connections = 0;
    std::map<std::string, std::size_t> requests;
    std::thread thread;
};

relay::relay(const std::string& target)
    : relay(std::vector<std::string>{target})
{}

relay::relay(const std::vector<std::string>& targets, std::uint16_t port)
    : state_(std::make_unique<state>(targets, port))
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

void relay::aim(const std::vector<std::string>& targets)
{
    state_->on_thread([s = state_.get(), all = endpoints_of(targets)] { s->targets = all; });
}

std::size_t relay::connections() const
{
    return state_->connections;
}

std::map<std::string, std::size_t> relay::requests() const
{
    std::map<std::string, std::size_t> all;
    state_->on_thread([&all, s = state_.get()] { all = s->requests; });
    return all;
}

} // namespace acme::test
