#include "crypto/base64.hpp"
#include "store/etcd.hpp"
#include "store/receiver.hpp"
#include "store/scripted_server.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <ctime>

namespace acme::test {

using std::chrono::steady_clock;

namespace {

using answer = scripted_server::answer;
constexpr auto silence = scripted_server::ending::silence;

bool asks_for(const std::string& head, const std::string& path)
{
    return head.find(path) != std::string::npos;
}

std::string created(const std::string& revision = "1")
{
    return chunk(R"({"result":{"header":{"revision":")" + revision +
        R"("},"created":true}})"
        "\n");
}

std::string found(const std::string& revision, const std::string& rest = {})
{
    return http(R"({"header":{"revision":")" + revision + "\"}" + rest + "}");
}

etcd_options options_for(const scripted_server& server)
{
    etcd_options options;
    options.endpoints = {"http://" + server.address()};
    options.request_timeout = options.operation_timeout = 30s;
    return options;
}

// A member that hangs, and then a good one.
etcd_options options_for(const scripted_server& server, const etcd_cluster& cluster)
{
    auto options = options_for(cluster);
    options.endpoints.insert(options.endpoints.begin(), "http://" + server.address());
    options.request_timeout = 1s;
    return options;
}

bool hears(receiver& all, const std::string& value, std::chrono::seconds limit = patience)
{
    const auto end = steady_clock::now() + limit;
    while (steady_clock::now() < end)
        if (all.next(limit).value == value)
            return true;
    return false;
}

} // namespace

BOOST_AUTO_TEST_SUITE(etcd_silence)

BOOST_AUTO_TEST_CASE(a_watch_that_never_begins_is_interrupted)
{
    const scripted_server server([](const std::string&) { return answer(chunked, silence); });
    auto options = options_for(server);
    options.request_timeout = 2s;
    const etcd_node node(options);
    receiver all(node->watch(""));
    const store_change c = all.next();
    BOOST_TEST((c.what == kind::interrupted));
    BOOST_TEST(std::string(c.failure->what()).find("nothing is heard") != std::string::npos, c.failure->what());
}

BOOST_AUTO_TEST_CASE(a_watch_goes_to_where_requests_go, *needs_etcd())
{
    const scripted_server server([](const std::string& head) {
        if (asks_for(head, "/watch"))
            return answer(chunked + created(), silence);
        return answer(http(R"({"error":"etcdserver: leader changed","code":14})", "503 Service Unavailable"));
    });
    auto options = options_for(server, shared_etcd());
    options.request_timeout = 30s;
    options.operation_timeout = 30s;
    const etcd_node node(options);
    receiver all(node->watch(""));
    all.expect(kind::anything);
    run(node->async_save("a", "1"));
    BOOST_TEST(hears(all, "1"));
}

BOOST_AUTO_TEST_CASE(a_watch_at_a_member_that_hangs_goes_to_the_next, *needs_etcd())
{
    const scripted_server server(
        [](const std::string& head) { return answer(asks_for(head, "/watch") ? chunked + created() : "", silence); });
    const auto options = options_for(server, shared_etcd());
    const etcd_node node(options);
    auto direct = options;
    direct.endpoints.erase(direct.endpoints.begin());
    const etcd_node other(direct);
    receiver all(node->watch(""));
    all.expect(kind::anything);
    run(other->async_save("a", "1"));
    BOOST_TEST(hears(all, "1", 60s));
}

// Lock "host" of a server whose reads hang, while more wait than are sent at a time.
BOOST_AUTO_TEST_CASE(a_lease_is_renewed_while_reads_hang)
{
    const std::string key =
        R"({"kvs":[{"key":")" + base64_encode("acme/locks/host//7-1") + R"(","create_revision":"2"}]})";
    std::atomic<int> renewals = 0;
    std::atomic<int> hanging = 0;
    const scripted_server server([&](const std::string& head) {
        renewals += asks_for(head, "/lease/keepalive");
        if (asks_for(head, "/lease/"))
            return answer(found("2", R"(,"ID":"7","TTL":"600")"));
        if (asks_for(head, "/txn"))
            return answer(found("2",
                R"(,"succeeded":true,"responses":[{},{"response_range":)" + key + R"(},{"response_range":)" + key +
                    "}]"));
        if (asks_for(head, "/deleterange"))
            return answer(found("3"));
        ++hanging;
        return answer("", silence);
    });
    auto options = options_for(server);
    options.lease_duration = 2s;
    options.request_timeout = options.operation_timeout = 10min;
    const etcd_node node(options);
    asio::thread_pool pool(1);
    auto lock = run(node->async_lock("host"));
    std::array<asio::cancellation_signal, 64> ends;
    std::vector<std::future<std::optional<std::string>>> reads;
    for (auto& end : ends)
        reads.push_back(
            asio::co_spawn(pool, node->async_load("a"), asio::bind_cancellation_slot(end.slot(), asio::use_future)));
    // As many as are sent at a time.
    BOOST_TEST(soon([&] { return hanging == 16; }));
    const int before = renewals;
    BOOST_TEST(soon([&] { return renewals >= before + 2; }));
    BOOST_TEST(lock->held());
    asio::post(pool, [&] {
        for (auto& end : ends)
            end.emit(asio::cancellation_type::terminal);
    });
    for (auto& each : reads)
        BOOST_CHECK_THROW(each.get(), error);
}

BOOST_AUTO_TEST_CASE(watches_that_end_at_once_are_not_begun_all_the_time)
{
    const std::string compacted = R"({"result":{"header":{"revision":"5"},"canceled":true,"compact_revision":"4"}})"
                                  "\n";
    for (const std::string& body : {chunked + created("5") + "0\r\n\r\n", chunked + created("5") + chunk(compacted)}) {
        std::atomic<int> watches = 0;
        const scripted_server server([&](const std::string& head) {
            if (!asks_for(head, "/watch"))
                return answer(found("5"));
            ++watches;
            return answer(body);
        });
        const etcd_node node(options_for(server));
        const auto begin = steady_clock::now();
        const auto all = node->watch("");
        BOOST_TEST(soon([&] { return watches >= 5; }));
        BOOST_TEST((steady_clock::now() - begin > 1s));
    }
}

BOOST_AUTO_TEST_CASE(a_token_is_kept_where_a_watch_is_not_permitted)
{
    std::atomic<int> tokens = 0;
    std::atomic<int> watches = 0;
    const scripted_server server([&](const std::string& head) {
        if (asks_for(head, "/authenticate"))
            return answer(http("{\"token\":\"t" + std::to_string(++tokens) + "\"}"));
        if (!asks_for(head, "/watch"))
            return answer(found("5"));
        const bool old = ++watches == 1;
        return answer(chunked +
            chunk(R"({"result":{"header":{"revision":"5"},"created":true,"canceled":true,)"
                  R"("cancel_reason":"etcdserver: )" +
                std::string(old ? "invalid auth token" : "permission denied") + "\"}}\n"));
    });
    auto options = options_for(server);
    options.user = "root";
    const etcd_node node(options);
    receiver all(node->watch(""));
    all.expect(kind::interrupted);
    BOOST_TEST(soon([&] { return watches > 3; }));
    BOOST_TEST(tokens == 2);
}

BOOST_AUTO_TEST_CASE(a_watch_of_an_etcd_that_was_restored_begins_anew, *needs_etcd())
{
    etcd_cluster cluster;
    const auto options = options_for(cluster);
    const etcd_node node(options);
    for (int n = 0; n != 5; ++n)
        run(node->async_save("a", std::to_string(n)));
    receiver all(node->watch(""));
    all.expect(kind::anything);
    cluster.kill(0);
    cluster.erase_disk(0);
    cluster.start(0);
    for (store_change c = all.next(); c.what != kind::anything; c = all.next())
        BOOST_TEST((c.what == kind::interrupted || c.what == kind::resumed));
    run(node->async_save("a", "again"));
    all.expect(kind::saved, "a", "again");
    // What subscribes now does not wait for the revision of before either.
    receiver later(node->watch(""));
    run(node->async_save("a", "later"));
    BOOST_TEST(hears(later, "later"));
}

BOOST_AUTO_TEST_CASE(a_member_that_lags_is_not_taken_for_one_that_was_restored)
{
    std::atomic<int> watches = 0;
    const scripted_server server([&](const std::string& head) {
        if (!asks_for(head, "/watch"))
            return answer(found("9"));
        ++watches;
        return answer(chunked + created("5") +
                chunk(R"({"result":{"header":{"revision":"10"},"events":[{"kv":{"key":")" +
                    base64_encode("acme/objects/a") +
                    R"(","value":"MQ==","mod_revision":"10"}}]}})"
                    "\n"),
            silence);
    });
    const etcd_node node(options_for(server));
    BOOST_TEST(!run(node->async_load("a")));
    receiver all(node->watch(""));
    all.expect(kind::anything);
    all.expect(kind::saved, "a", "1");
    BOOST_TEST(watches == 1);
}

// In the processor's time, compared to what it takes to find them all here.
BOOST_AUTO_TEST_CASE(line_breaks_cost_no_more_than_other_octets)
{
    // After a long header, more is read at a time.
    std::string body = "HTTP/1.1 200 OK\r\nX: " + std::string(7000, 'x') + "\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int n = 0; n != 128; ++n)
        body += chunk(std::string(1 << 16, '\n'));
    const scripted_server server([&](const std::string&) { return answer(body + created(), silence); });
    auto options = options_for(server);
    options.request_timeout = 10min;
    const etcd_node node(options);

    const std::clock_t begin = std::clock();
    std::size_t found = 0;
    for (auto at = body.find('\n'); at != body.npos; at = body.find('\n', at + 1))
        ++found;
    const std::clock_t search = std::clock() - begin;
    receiver all(node->watch(""));
    BOOST_TEST((all.next(10min).what == kind::anything));
    const std::clock_t reading = std::clock() - begin - search;
    BOOST_TEST(reading < 8 * search, reading << " and " << search << " for " << found);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
