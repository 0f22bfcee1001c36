#include "crypto/base64.hpp"
#include "kit/relay.hpp"
#include "store/etcd.hpp"
#include "store/receiver.hpp"

#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <future>
#include <thread>

namespace acme::test {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

etcd_cluster& three_members()
{
    static etcd_cluster cluster(etcd_setup(3));
    return cluster;
}

bool contains(const error& e, const std::string& text)
{
    return std::string(e.what()).find(text) != std::string::npos;
}

class frozen_member
{
public:
    frozen_member(etcd_cluster& cluster, std::size_t member)
        : cluster_(cluster)
        , member_(member)
    {
        cluster_.freeze(member_);
    }
    frozen_member(const frozen_member&) = delete;
    frozen_member& operator=(const frozen_member&) = delete;
    ~frozen_member() { cluster_.thaw(member_); }

private:
    etcd_cluster& cluster_;
    const std::size_t member_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(etcd_members_, *needs_etcd())

BOOST_AUTO_TEST_CASE(the_next_member_takes_the_place_of_a_killed_one)
{
    auto& cluster = three_members();
    const auto options = options_for(cluster);
    const etcd_node node(options);
    run(node->async_save("a", "1"));
    receiver all(node->watch(""));
    const auto lock = run(node->async_lock("host"));
    for (std::size_t round = 0; round != 2; ++round) {
        const std::size_t leader = cluster.leader();
        const std::size_t killed = round == 0 ? leader : (leader + 1) % 3;
        cluster.kill(killed);
        run(node->async_guarded_save("a", std::to_string(round + 2), *lock));
        BOOST_TEST((run(node->async_load("a")) == std::to_string(round + 2)));
        cluster.start(killed);
    }
    BOOST_TEST(lock->held());
    all.expect(kind::anything);
    // A save whose answer was lost is repeated, and may be told of twice.
    std::vector<std::string> values;
    while (values.empty() || values.back() != "3") {
        const store_change c = all.next();
        BOOST_TEST_REQUIRE((c.what != kind::anything));
        if (c.what == kind::saved && (values.empty() || values.back() != c.value))
            values.push_back(c.value);
    }
    BOOST_TEST((values == std::vector<std::string>{"2", "3"}));
}

BOOST_AUTO_TEST_CASE(without_a_majority_operations_fail_in_time_and_go_on_with_it)
{
    auto& cluster = three_members();
    auto options = options_for(cluster);
    options.operation_timeout = 6s;
    options.request_timeout = 1s;
    const etcd_node node(options);
    run(node->async_save("a", "1"));
    cluster.kill(0);
    cluster.kill(1);
    const auto begin = steady_clock::now();
    const auto failed = failure_of([&] { run(node->async_save("a", "2")); });
    BOOST_TEST((steady_clock::now() - begin < 30s));
    BOOST_TEST_REQUIRE(failed.has_value());
    BOOST_TEST((failed->code() == errc::store_unavailable));
    for (std::size_t n = 0; n != 3; ++n)
        BOOST_TEST(contains(*failed, cluster.address(n)), failed->what());
    cluster.start(0);
    run(node->async_save("a", "3"));
    cluster.start(1);
    BOOST_TEST((run(node->async_load("a")) == "3"));
}

BOOST_AUTO_TEST_CASE(a_member_that_hangs_is_left)
{
    auto& cluster = three_members();
    auto options = options_for(cluster);
    options.request_timeout = 1s;
    const etcd_node node(options);
    run(node->async_save("a", "1"));
    const frozen_member hangs(cluster, 0);
    run(node->async_save("a", "2"));
    BOOST_TEST((run(node->async_load("a")) == "2"));
}

BOOST_AUTO_TEST_CASE(what_a_member_kept_while_it_hung_is_not_carried_out_later)
{
    auto& cluster = three_members();
    for (const bool leader : {false, true}) {
        const std::size_t frozen = (cluster.leader() + (leader ? 0 : 1)) % 3;
        auto options = options_for(cluster);
        std::rotate(
            options.endpoints.begin(), options.endpoints.begin() + static_cast<long>(frozen), options.endpoints.end());
        options.request_timeout = 1s;
        const etcd_node node(options);
        run(node->async_save("a", "first"));
        const auto lock = run(node->async_lock("host"));
        std::optional<frozen_member> hangs(std::in_place, cluster, frozen);
        asio::thread_pool pool(1);
        auto saved = asio::co_spawn(pool, node->async_save("a", "old"), asio::use_future);
        auto guarded = asio::co_spawn(pool, node->async_guarded_save("b", "old", *lock), asio::use_future);
        saved.get();
        guarded.get();
        run(node->async_save("a", "new"));
        run(node->async_guarded_save("b", "new", *lock));
        hangs.reset();
        // Long enough for what it kept.
        std::this_thread::sleep_for(1500ms);
        BOOST_TEST((run(node->async_load("a")) == "new"));
        BOOST_TEST((run(node->async_load("b")) == "new"));
    }
}

BOOST_AUTO_TEST_CASE(a_short_lease_outlives_a_member_that_hangs)
{
    auto& cluster = three_members();
    auto options = options_for(cluster);
    options.lease_duration = 9s;
    // It leaves time for the next member all the same.
    options.request_timeout = options.operation_timeout = 60s;
    for (const std::size_t frozen : {cluster.leader(), (cluster.leader() + 1) % 3}) {
        const relay next(cluster.address((frozen + 1) % 3));
        const relay last(cluster.address((frozen + 2) % 3));
        options.endpoints = {cluster.endpoint(frozen), "http://" + next.address(), "http://" + last.address()};
        const etcd_node holder(options);
        const auto lock = run(holder->async_lock("host" + std::to_string(frozen)));
        const frozen_member hangs(cluster, frozen);
        // With the third, the time is over for which the member that hangs has granted it.
        const auto renewals = [](const relay& r) { return r.requests()["/v3/lease/keepalive"]; };
        BOOST_TEST(soon([&] { return renewals(next) + renewals(last) >= 3; }, 60s));
        BOOST_TEST(lock->held());
    }
}

BOOST_AUTO_TEST_CASE(a_lock_that_a_hanging_member_delayed_is_held)
{
    auto& cluster = three_members();
    auto options = options_for(cluster);
    options.lease_duration = 6s;
    options.request_timeout = options.lease_duration + 1s;
    options.operation_timeout = 60s;
    const std::size_t frozen = (cluster.leader() + 1) % 3;
    std::swap(options.endpoints[0], options.endpoints[frozen]);
    const etcd_node node(options);
    const frozen_member hangs(cluster, frozen);
    const auto lock = run(node->async_lock("host"));
    BOOST_TEST(lock->held());
}

BOOST_AUTO_TEST_CASE(opening_fails_at_once_where_nobody_answers)
{
    const reserved_port nobody;
    etcd_options options;
    options.endpoints = {"http://" + nobody.address()};
    options.connect_timeout = options.request_timeout = options.operation_timeout = 60s;
    asio::thread_pool pool(1);
    const auto begin = steady_clock::now();
    const auto failed = failure_of([&] { run(async_open_etcd_store(pool.get_executor(), options)); });
    BOOST_TEST((steady_clock::now() - begin < patience));
    BOOST_TEST_REQUIRE(failed.has_value());
    BOOST_TEST((failed->code() == errc::store_unavailable));
    BOOST_TEST(contains(*failed, nobody.address() + ": Connection refused"), failed->what());

    options = options_for(shared_etcd());
    BOOST_TEST(run(async_open_etcd_store(pool.get_executor(), options)) != nullptr);
}

BOOST_AUTO_TEST_CASE(options_that_cannot_be_used_are_refused)
{
    asio::thread_pool pool(1);
    const auto refused = [&](auto change) {
        etcd_options options;
        options.endpoints = {"http://127.0.0.1:2379"};
        change(options);
        return failure_of([&] { make_etcd_store(pool.get_executor(), options); }).has_value();
    };
    BOOST_TEST(!refused([](etcd_options&) {}));
    BOOST_TEST(refused([](etcd_options& o) { o.endpoints.clear(); }));
    BOOST_TEST(refused([](etcd_options& o) { o.endpoints = {"127.0.0.1:2379"}; }));
    BOOST_TEST(refused([](etcd_options& o) { o.endpoints = {"http://user:word@127.0.0.1:2379"}; }));
    BOOST_TEST(refused([](etcd_options& o) { o.prefix = ""; }));
    BOOST_TEST(refused([](etcd_options& o) { o.prefix = "a//b"; }));
    BOOST_TEST(refused([](etcd_options& o) { o.lease_duration = 1s; }));
    BOOST_TEST(refused([](etcd_options& o) { o.certificate_file = "client.pem"; }));
    BOOST_TEST(refused([](etcd_options& o) { o.ca_file = "/nonexistent"; }));
}

BOOST_AUTO_TEST_CASE(a_list_has_pages)
{
    const auto options = options_for(shared_etcd());
    const etcd_node node(options);
    for (int batch = 0; batch != 21; ++batch) {
        std::string puts;
        for (int n = batch * 100; n != batch * 100 + 100; ++n)
            puts += (puts.empty() ? "" : ",") +
                (R"({"request_put":{"key":")" +
                    base64_encode(options.prefix + "/objects/host/" + std::to_string(10'000 + n)) + "\"}}");
        shared_etcd().call("/v3/kv/txn", R"({"success":[)" + puts + "]}");
    }
    run(node->async_save("hosts", ""));
    const auto keys = run(node->async_list("host/"));
    BOOST_TEST_REQUIRE(keys.size() == 2100U);
    BOOST_TEST(std::is_sorted(keys.begin(), keys.end()));
    BOOST_TEST(keys.front() == "host/10000");
    BOOST_TEST(keys.back() == "host/12099");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(etcd_urls)

BOOST_AUTO_TEST_CASE(a_url_says_where_etcd_is)
{
    struct row
    {
        const char* url;
        std::vector<std::string> endpoints;
        const char* prefix;
    };
    const row table[] = {
        {"etcd://127.0.0.1:2379/group", {"http://127.0.0.1:2379"}, "group"},
        {"etcd://a.example,b.example:4001/x/y", {"http://a.example:2379", "http://b.example:4001"}, "x/y"},
        {"etcds://[::1]:2379", {"https://[::1]:2379"}, "acme"},
        {"etcds://etcd/", {"https://etcd:2379"}, "acme"},
    };
    for (const row& r : table) {
        const etcd_options options = parse_etcd_url(r.url);
        BOOST_TEST(options.endpoints == r.endpoints, boost::test_tools::per_element());
        BOOST_TEST(options.prefix == r.prefix);
    }
    for (const char* url : {"", "http://a", "etcd:", "etcd://", "etcd:///p", "etcd://a,,b", "etcd://a:x",
             "etcd://a/b//c", "etcd://a/B", "etcd://u:p@a/b", "etcd://a?b", "etcd://a#b", "etcd://a b"}) {
        const auto refused = failure_of([&] { parse_etcd_url(url); });
        BOOST_TEST((refused && refused->code() == boost::system::errc::invalid_argument), url);
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
