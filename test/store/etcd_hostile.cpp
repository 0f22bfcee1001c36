#include "store/etcd.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <functional>
#include <thread>

namespace acme::test {

using namespace std::chrono_literals;
using asio::ip::tcp;
using std::chrono::steady_clock;

namespace {

// Answers each request as it is told, on a thread of its own; what is not a whole answer is ended by the connection's
// end.
class scripted_server
{
public:
    // The answer to a request with this head; repeated for ever where it says so.
    struct answer
    {
        std::string text;
        bool for_ever = false;

        answer(std::string t, bool repeat = false)
            : text(std::move(t))
            , for_ever(repeat)
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
        while (a.for_ever);
        boost::system::error_code ignored;
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

std::string http(const std::string& body, const std::string& status = "200 OK")
{
    return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string chunk(const std::string& text)
{
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", text.size());
    return size + text + "\r\n";
}

etcd_options impatient(const std::string& address)
{
    etcd_options options;
    options.endpoints = {"http://" + address};
    options.request_timeout = 1s;
    options.operation_timeout = 1s;
    return options;
}

} // namespace

BOOST_AUTO_TEST_SUITE(etcd_hostile)

BOOST_AUTO_TEST_CASE(nonsense_is_an_error_that_names_the_member)
{
    const std::pair<const char*, scripted_server::answer> answers[] = {
        {"nothing", {""}},
        {"not HTTP", {"SSH-2.0-OpenSSH_9.2\r\n"}},
        {"no JSON", {http("<html>hello</html>")}},
        {"another JSON", {http("{\"ok\":true}")}},
        {"cut short", {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"header\":"}},
        {"an immense length", {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"}},
        {"a negative length", {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"}},
        {"an endless header", {"HTTP/1.1 200 OK\r\nX: " + std::string(8192, 'x'), true}},
        {"an endless body", {chunk(std::string(65'536, 'x')), true}},
        {"endless blanks", {std::string(65'536, '\n'), true}},
        {"deep JSON", {http(std::string(200'000, '['))}},
        {"a number in place of a text", {http(R"({"header":{"revision":"1"},"kvs":[{"key":5}]})")}},
        {"another place", {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"}},
        {"an error without text", {http("", "500 Internal Server Error")}},
        {"an error that is none", {http("{\"error\":{\"error\":{}}}", "500 Internal Server Error")}},
        {"a compressed answer", {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"}},
    };
    for (const auto& [what, answer] : answers) {
        const scripted_server server([&, a = answer](const std::string&) { return a; });
        const etcd_node node(impatient(server.address()));
        const auto begin = steady_clock::now();
        for (const bool locking : {false, true}) {
            const auto failed = failure_of([&] {
                if (locking)
                    run(node->async_lock("a"));
                else
                    run(node->async_load("a"));
            });
            BOOST_TEST_REQUIRE(failed.has_value(), what);
            BOOST_TEST((failed->code() == errc::store_unavailable), what << ": " << failed->what());
            BOOST_TEST(std::string(failed->what()).find(server.address()) != std::string::npos, failed->what());
        }
        BOOST_TEST((steady_clock::now() - begin < 5s), what);
    }
}

BOOST_AUTO_TEST_CASE(an_endless_chunked_body_is_bounded)
{
    const scripted_server server([&](const std::string&) {
        return scripted_server::answer(chunked + chunk(std::string(5 << 20, ' ')) + chunk(std::string(1 << 20, ' ')));
    });
    const etcd_node node(impatient(server.address()));
    const auto failed = failure_of([&] { run(node->async_load("a")); });
    BOOST_TEST((failed && failed->code() == errc::store_unavailable));
    BOOST_TEST(std::string(failed->what()).find("limit") != std::string::npos, failed->what());
}

BOOST_AUTO_TEST_CASE(a_list_that_does_not_advance_is_ended)
{
    // The key is "acme/objects/a".
    const scripted_server server([](const std::string&) {
        return scripted_server::answer(
            http(R"({"header":{"revision":"1"},"kvs":[{"key":"YWNtZS9vYmplY3RzL2E="}],"more":true})"));
    });
    const etcd_node node(impatient(server.address()));
    const auto failed = failure_of([&] { run(node->async_list("")); });
    BOOST_TEST((failed && failed->code() == errc::store_unavailable));
}

BOOST_AUTO_TEST_CASE(a_watch_of_nonsense_is_begun_again)
{
    for (const std::string& body : {chunked + chunk("{\"result\":7}\n"), chunked + chunk(std::string(9 << 20, 'x')),
             chunked + chunk("{\"result\":{\"canceled\":true,\"cancel_reason\":\"no\\u0007\"}}\n"),
             chunked + "0\r\n\r\n", chunked + "zz\r\n", http("{}", "400 Bad Request")}) {
        const scripted_server server([&](const std::string&) { return scripted_server::answer(body); });
        const etcd_node node(impatient(server.address()));
        const auto all = node->watch("");
        const store_change c = run(all->async_receive());
        BOOST_TEST((c.what == store_change::kind::interrupted));
        BOOST_TEST_REQUIRE(c.failure.has_value());
        BOOST_TEST((c.failure->code() == errc::store_unavailable));
        BOOST_TEST(std::string(c.failure->what()).find(server.address()) != std::string::npos, c.failure->what());
    }
}

BOOST_AUTO_TEST_CASE(a_good_member_makes_up_for_a_bad_one, *needs_etcd())
{
    const scripted_server server([](const std::string&) { return scripted_server::answer(http("<html>")); });
    auto options = options_for(shared_etcd());
    options.endpoints.insert(options.endpoints.begin(), "http://" + server.address());
    const etcd_node node(options);
    run(node->async_save("a", "1"));
    BOOST_TEST((run(node->async_load("a")) == "1"));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
