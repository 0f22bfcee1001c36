#pragma once

#include "store/scratch.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <atomic>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <utility>

namespace acme::test {

using asio::ip::tcp;

/// Answers each request as it is told, on a thread of its own; what is not a whole answer is ended by the connection's
/// end.
class scripted_server
{
public:
    enum class ending
    {
        /// The connection ends.
        end,
        /// Nothing more is sent.
        silence,
        /// The same again and again.
        repetition
    };
    /// The answer to a request with this head.
    struct answer
    {
        std::string text;
        ending then = ending::end;

        answer(std::string t, ending e = ending::end)
            : text(std::move(t))
            , then(e)
        {}
    };
    using script = std::function<answer(const std::string& head)>;

    explicit scripted_server(script s)
        : script_(std::move(s))
        , acceptor_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0))
        , thread_([this] {
            asio::co_spawn(io_, accept(), asio::detached);
            io_.run();
        })
    {}
    ~scripted_server()
    {
        io_.stop();
        thread_.join();
    }

    std::string address() const { return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }

private:
    asio::awaitable<void> accept()
    {
        for (;;) {
            auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
            asio::co_spawn(io_, serve(std::move(socket)), asio::detached);
        }
    }

    asio::awaitable<void> serve(tcp::socket socket)
    {
        std::string head;
        co_await asio::async_read_until(socket, asio::dynamic_buffer(head), "\r\n\r\n", asio::use_awaitable);
        const answer a = script_(head);
        do
            co_await asio::async_write(socket, asio::buffer(a.text), asio::use_awaitable);
        while (a.then == ending::repetition);
        boost::system::error_code ignored;
        if (a.then == ending::end)
            socket.shutdown(tcp::socket::shutdown_send, ignored);
        // Octets that nobody reads would reset the connection before the answer arrived.
        for (std::string rest; !ignored;)
            co_await asio::async_read_until(
                socket, asio::dynamic_buffer(rest), "\r\n\r\n", asio::redirect_error(asio::use_awaitable, ignored));
    }

    script script_;
    asio::io_context io_{1};
    tcp::acceptor acceptor_;
    std::thread thread_;
};

inline std::string http(const std::string& body, const std::string& status = "200 OK")
{
    return "HTTP/1.1 " + status + "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body;
}

inline const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

inline std::string chunk(const std::string& text)
{
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", text.size());
    return size + text + "\r\n";
}

} // namespace acme::test
