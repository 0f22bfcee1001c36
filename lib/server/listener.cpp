#include "server/listener.hpp"

#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <sstream>

namespace acme {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds first_pause{5};
constexpr std::chrono::milliseconds longest_pause{1000};

tcp::acceptor listen_on(asio::any_io_executor executor, const tcp::endpoint& where, bool v6_only, error_code& ec)
{
    tcp::acceptor acceptor(std::move(executor));
    acceptor.open(where.protocol(), ec);
    if (!ec && where.protocol() == tcp::v6())
        acceptor.set_option(asio::ip::v6_only(v6_only), ec);
    if (!ec)
        acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec)
        acceptor.bind(where, ec);
    if (!ec)
        acceptor.listen(tcp::acceptor::max_listen_connections, ec);
    return acceptor;
}

[[noreturn]] void fail(const error_code& ec, const tcp::endpoint& where)
{
    std::ostringstream text;
    text << "listening on " << where;
    // Without its source location, which would be part of the text.
    throw boost::system::system_error(error_code(ec.value(), ec.category()), text.str());
}

bool no_ipv6(const error_code& ec)
{
    return ec == asio::error::address_family_not_supported ||
        ec == error_code(EADDRNOTAVAIL, boost::system::system_category()) || ec == asio::error::no_protocol_option;
}

tcp::acceptor listen_on_all(asio::any_io_executor executor, std::uint16_t port)
{
    error_code ec;
    tcp::endpoint where(asio::ip::address_v6::any(), port);
    auto acceptor = listen_on(executor, where, false, ec);
    if (no_ipv6(ec)) {
        where = tcp::endpoint(asio::ip::address_v4::any(), port);
        acceptor = listen_on(executor, where, false, ec);
    }
    if (ec)
        fail(ec, where);
    return acceptor;
}

// Leaves nothing behind in the system.
void reset(tcp::socket& socket)
{
    error_code ec;
    socket.set_option(tcp::socket::linger(true, 0), ec);
    socket.close(ec);
}

tcp::endpoint peer_of(const tcp::socket& socket)
{
    error_code ec;
    return socket.remote_endpoint(ec);
}

void start(session_group& sessions, const serve_connection& serve, const strand& where, tcp::socket socket)
{
    error_code ec;
    const auto peer = peer_of(socket);
    if (!sessions.has_room_for(peer.address()))
        return reset(socket);
    socket.set_option(tcp::no_delay(true), ec);
    auto entry = std::make_shared<session>(where, peer);
    sessions.start(entry, serve(entry, std::move(socket)));
}

} // namespace

std::vector<tcp::acceptor> listen(
    asio::any_io_executor executor, const std::vector<tcp::endpoint>& wanted, std::uint16_t port)
{
    std::vector<tcp::acceptor> acceptors;
    if (wanted.empty())
        acceptors.push_back(listen_on_all(executor, port));
    for (const auto& where : wanted) {
        auto same_port_v4 = [&](const tcp::endpoint& e) { return e.address().is_v4() && e.port() == where.port(); };
        error_code ec;
        acceptors.push_back(listen_on(executor, where, std::any_of(wanted.begin(), wanted.end(), same_port_v4), ec));
        if (ec)
            fail(ec, where);
    }
    return acceptors;
}

asio::awaitable<void> accept_connections(
    tcp::acceptor& acceptor, std::shared_ptr<session_group> sessions, serve_connection serve, report_failure report)
{
    auto executor = acceptor.get_executor();
    asio::steady_timer timer(executor);
    auto pause = first_pause;
    for (;;) {
        co_await sessions->async_wait_vacancy();
        auto where = asio::make_strand(executor);
        tcp::socket socket(where);
        error_code ec;
        co_await acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, ec));
        if (ec == asio::error::operation_aborted)
            co_return;
        std::exception_ptr failure;
        try {
            if (ec)
                throw boost::system::system_error(ec, "accept");
            start(*sessions, serve, where, std::move(socket));
        } catch (...) {
            failure = std::current_exception();
        }
        if (!failure) {
            pause = first_pause;
            continue;
        }
        error_code ignored;
        auto here = acceptor.local_endpoint(ignored);
        report(failure, here);
        timer.expires_after(pause);
        co_await timer.async_wait(asio::use_awaitable);
        pause = std::min(2 * pause, longest_pause);
    }
}

} // namespace acme
