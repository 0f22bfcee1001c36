#include "server/running.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>

/// Clients that take a large response slowly.
namespace acme::test {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t body_size = 16 * 1024 * 1024;

// Returns how many octets there were; for a while it takes that many in a second, then what it gets. The system takes
// up to `held` in its place, if that is not 0.
asio::awaitable<std::size_t> read_slowly(
    std::uint16_t port, double in_a_second, steady_clock::duration while_, int held = 0)
{
    asio::ssl::context context(asio::ssl::context::tls_client);
    asio::ssl::stream<tcp::socket> stream(co_await asio::this_coro::executor, context);
    SSL_set_tlsext_host_name(stream.native_handle(), "serve.example");
    auto& socket = stream.next_layer();
    socket.open(tcp::v4());
    if (held != 0)
        socket.set_option(tcp::socket::receive_buffer_size(held));
    const tcp::endpoint server(asio::ip::address_v4::loopback(), port);
    co_await socket.async_connect(server, asio::use_awaitable);
    co_await stream.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
    const auto octets = request("/", close_after);
    co_await asio::async_write(stream, asio::buffer(octets), asio::use_awaitable);
    std::vector<char> some(16 * 1024);
    boost::system::error_code ec;
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    const auto begun = steady_clock::now();
    for (std::size_t total = 0;;) {
        const auto elapsed = steady_clock::now() - begun;
        const auto due = in_a_second * std::chrono::duration<double>(elapsed).count();
        if (elapsed<while_&& static_cast<double>(total)> due)
            co_await pause(10ms);
        else
            total += co_await stream.async_read_some(asio::buffer(some), token);
        if (ec)
            co_return total;
    }
}

struct large
{
    explicit large(steady_clock::duration write_timeout)
        : s(b, with(write_timeout), [](const http_request&) {
            http_response response;
            response.body() = std::string(body_size, 'x');
            return response;
        })
    {}

    static serve_options with(steady_clock::duration write_timeout)
    {
        auto options = quick();
        options.write_timeout = write_timeout;
        return options;
    }

    bench b;
    running s;
};

BOOST_AUTO_TEST_SUITE(slow_readers)

BOOST_AUTO_TEST_CASE(a_response_may_take_as_long_as_the_client_goes_on_taking_it)
{
    large t(5s);
    const auto begun = steady_clock::now();
    BOOST_TEST(t.b.run(read_slowly(t.s.port(), body_size / 8, 1h)) > body_size);
    BOOST_TEST((steady_clock::now() - begun > 7s));
}

BOOST_AUTO_TEST_CASE(a_client_that_takes_a_response_in_drips_is_cut_off)
{
    large t(300ms);
    const auto got = t.b.run(read_slowly(t.s.port(), 20'000, 1s, 64 * 1024));
    BOOST_TEST(got > 0U);
    BOOST_TEST(got < body_size);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
