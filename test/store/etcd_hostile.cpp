#include "store/etcd.hpp"
#include "store/scripted_server.hpp"

#include <boost/test/unit_test.hpp>

namespace acme::test {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

etcd_options impatient(const std::string& address)
{
    etcd_options options;
    options.endpoints = {"http://" + address};
    options.request_timeout = 1s;
    options.operation_timeout = 1s;
    return options;
}

// Each member is asked once, for as long as it takes.
std::optional<error> failure_to_open(std::vector<std::string> endpoints)
{
    etcd_options options;
    options.endpoints = std::move(endpoints);
    options.connect_timeout = options.request_timeout = options.operation_timeout = 10min;
    asio::thread_pool pool(1);
    return failure_of([&] { run(async_open_etcd_store(pool.get_executor(), options)); });
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
        {"an endless header", {"HTTP/1.1 200 OK\r\nX: " + std::string(8192, 'x'), scripted_server::ending::repetition}},
        {"an endless body", {chunk(std::string(65'536, 'x')), scripted_server::ending::repetition}},
        {"endless blanks", {std::string(65'536, '\n'), scripted_server::ending::repetition}},
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
        BOOST_TEST((steady_clock::now() - begin < 30s), what);
    }
}

BOOST_AUTO_TEST_CASE(an_endless_chunked_body_is_bounded)
{
    const scripted_server server([&](const std::string&) {
        return scripted_server::answer(chunked + chunk(std::string(5 << 20, ' ')) + chunk(std::string(1 << 20, ' ')));
    });
    const auto failed = failure_to_open({"http://" + server.address()});
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

// What a learner, and a member that is starting, answer from 3.6 on.
BOOST_AUTO_TEST_CASE(a_member_that_takes_no_requests_yet_is_passed_over, *needs_etcd())
{
    for (const char* text : {"etcdserver: rpc not supported for learner", "etcdserver: not capable"}) {
        const std::string refusal = R"({"code":9,"message":")" + std::string(text) + "\"}";
        const scripted_server server(
            [&](const std::string&) { return scripted_server::answer(http(refusal, "400 Bad Request")); });
        auto options = options_for(shared_etcd());
        options.endpoints.insert(options.endpoints.begin(), "http://" + server.address());
        asio::thread_pool pool(1);
        const auto opened = run(async_open_etcd_store(pool.get_executor(), options));
        const etcd_node node(options);
        BOOST_TEST(run(node->async_exchange("a", std::nullopt, "1")));
        BOOST_TEST((run(opened->async_load("a")) == "1"));
        const auto failed = failure_to_open({"http://" + server.address()});
        BOOST_TEST((failed && failed->code() == errc::store_unavailable));
        BOOST_TEST(std::string(failed->what()).find(text) != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(a_user_where_etcd_knows_none_is_refused, *needs_etcd())
{
    auto options = options_for(shared_etcd());
    options.user = "root";
    const etcd_node node(options);
    const auto failed = failure_of([&] { run(node->async_load("a")); });
    BOOST_TEST((failed && failed->code() == boost::system::errc::permission_denied));
    BOOST_TEST(std::string(failed->what()).find("not enabled") != std::string::npos, failed->what());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
