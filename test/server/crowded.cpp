#include "server/running.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>

#include <list>

/// A server that has to do with many clients, or with bad ones.
namespace acme::test {
namespace {

using boost::system::error_code;

const std::string here = "127.0.0.1";
const std::string elsewhere = "127.0.0.2";

BOOST_AUTO_TEST_SUITE(crowded)

/// A server with clients that connect and do nothing more.
struct beset
{
    beset(std::size_t limit, std::size_t client_limit)
        : s(b, with_limits(limit, client_limit))
    {
        b.run(b.certificates().async_get_certificate(std::string("serve.example")));
    }

    static serve_options with_limits(std::size_t limit, std::size_t client_limit)
    {
        auto options = quick();
        options.max_connections = limit;
        options.max_connections_per_client = client_limit;
        return options;
    }

    void hold(std::uint16_t port, const std::string& from)
    {
        held.emplace_back(b.io);
        b.run(connect_tcp(held.back(), port, from));
    }

    // How a connection ends whose client says nothing.
    error_code end(std::uint16_t port, const std::string& from) { return b.run(read_to_end(port, from)); }

    bool is_served(const std::string& from)
    {
        return has(b.run(talk_tls(s.port(), request("/", close_after), "serve.example", from)), "hello /");
    }

    static asio::awaitable<error_code> read_to_end(std::uint16_t port, std::string from)
    {
        tcp::socket socket(co_await asio::this_coro::executor);
        co_await connect_tcp(socket, port, from);
        char octet = 0;
        error_code ec;
        auto token = asio::redirect_error(asio::use_awaitable, ec);
        co_await asio::async_read(socket, asio::buffer(&octet, 1), token);
        co_return ec;
    }

    bench b;
    running s;
    std::list<tcp::socket> held;
};

BOOST_AUTO_TEST_CASE(one_client_has_half_of_the_connections)
{
    beset t(4, 0);
    for (auto port : {t.s.port(), t.s.http_port()}) {
        t.hold(port, here);
        t.hold(port, here);
        for (int i = 0; i < 20; ++i)
            BOOST_TEST((t.end(port, here) == asio::error::connection_reset));
    }
    BOOST_TEST(t.is_served(elsewhere));
    BOOST_TEST(t.s.errors.empty());
    // Gone is gone.
    t.held.pop_front();
    t.b.wait_for([&] { return t.s.errors.size() == 1; });
    BOOST_TEST(t.is_served(here));
    BOOST_TEST(t.is_served(here));
}

BOOST_AUTO_TEST_CASE(one_client_may_be_given_less_or_all)
{
    beset less(4, 1);
    less.hold(less.s.port(), here);
    BOOST_TEST((less.end(less.s.port(), here) == asio::error::connection_reset));
    less.hold(less.s.port(), elsewhere);
    BOOST_TEST((less.end(less.s.port(), elsewhere) == asio::error::connection_reset));
    beset all(4, 4);
    for (int i = 0; i < 3; ++i)
        all.hold(all.s.port(), here);
    BOOST_TEST(all.is_served(here));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
