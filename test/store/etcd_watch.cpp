#include "crypto/base64.hpp"
#include "kit/relay.hpp"
#include "store/etcd.hpp"
#include "store/receiver.hpp"

#include <boost/test/unit_test.hpp>

namespace acme::test {

using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(etcd_watches, *needs_etcd())

BOOST_AUTO_TEST_CASE(one_node_hears_at_once_what_another_does)
{
    auto options = options_for(shared_etcd());
    // No timer comes to its help.
    options.request_timeout = options.operation_timeout = 10min;
    const etcd_node one(options);
    const etcd_node other(options);
    receiver hosts(one->watch("host/"));
    hosts.expect(kind::anything);
    run(other->async_save("a", "0"));
    const auto lock = run(other->async_lock("host/a"));
    run(other->async_guarded_save("host/a", "1", *lock));
    const store_change c = hosts.next();
    BOOST_TEST(c.key == "host/a");
    BOOST_TEST(c.value == "1");
    run(other->async_erase("host/a"));
    hosts.expect(kind::erased, "host/a");
}

BOOST_AUTO_TEST_CASE(a_watch_goes_on_where_its_connection_broke)
{
    relay network(shared_etcd().address(0));
    const auto options = options_for(shared_etcd());
    auto behind = options;
    behind.endpoints = {"http://" + network.address()};
    const etcd_node one(behind);
    const etcd_node other(options);
    receiver all(one->watch(""));
    all.expect(kind::anything);
    run(other->async_save("a", "1"));
    all.expect(kind::saved, "a", "1");

    network.cut();
    const store_change interrupted = all.next();
    BOOST_TEST((interrupted.what == kind::interrupted));
    BOOST_TEST_REQUIRE(interrupted.failure.has_value());
    BOOST_TEST((interrupted.failure->code() == errc::store_unavailable));
    BOOST_TEST(std::string(interrupted.failure->what()).find(network.address()) != std::string::npos);
    run(other->async_save("a", "2"));
    run(other->async_save("b", "3"));
    run(other->async_erase("a"));
    network.mend();
    all.expect(kind::resumed);
    all.expect(kind::saved, "a", "2");
    all.expect(kind::saved, "b", "3");
    all.expect(kind::erased, "a");
}

BOOST_AUTO_TEST_CASE(what_was_compacted_away_is_told_as_anything)
{
    relay network(shared_etcd().address(0));
    const auto options = options_for(shared_etcd());
    auto behind = options;
    behind.endpoints = {"http://" + network.address()};
    const etcd_node one(behind);
    const etcd_node other(options);
    receiver all(one->watch(""));
    all.expect(kind::anything);
    run(other->async_save("a", "1"));
    all.expect(kind::saved, "a", "1");

    network.cut();
    all.expect(kind::interrupted);
    run(other->async_save("a", "2"));
    run(other->async_save("b", "3"));
    shared_etcd().compact();
    network.mend();
    all.expect(kind::resumed);
    all.expect(kind::anything);
    run(other->async_save("c", "4"));
    for (store_change c = all.next(); c.key != "c"; c = all.next())
        BOOST_TEST((c.what == kind::saved));
}

BOOST_AUTO_TEST_CASE(a_watch_that_begins_without_etcd_begins_once_it_is_there)
{
    relay network(shared_etcd().address(0));
    network.cut();
    auto options = options_for(shared_etcd());
    options.endpoints = {"http://" + network.address()};
    const etcd_node node(options);
    receiver all(node->watch(""));
    all.expect(kind::interrupted);
    network.mend();
    all.expect(kind::resumed);
    all.expect(kind::anything);
    run(node->async_save("a", "1"));
    all.expect(kind::saved, "a", "1");
}

BOOST_AUTO_TEST_CASE(what_is_no_object_is_not_told)
{
    const auto options = options_for(shared_etcd());
    const etcd_node node(options);
    run(node->async_save("a", "1"));
    receiver all(node->watch(""));
    all.expect(kind::anything);
    const auto put = [&](const std::string& key, const std::string& value) {
        shared_etcd().call("/v3/kv/put",
            R"({"key":")" + base64_encode(options.prefix + "/objects/" + key) + R"(","value":")" +
                base64_encode(value) + "\"}");
    };
    put("NO KEY", "1");
    put("b", "\xFF");
    all.expect(kind::anything);
    const auto damaged = failure_of([&] { run(node->async_load("b")); });
    BOOST_TEST((damaged && damaged->code() == errc::damaged_state));
    BOOST_TEST(std::string(damaged->what()).find("/objects/b") != std::string::npos);
    BOOST_TEST(run(node->async_list("")).size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
