#include "crypto/base64.hpp"
#include "integration/cluster.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/test/unit_test.hpp>

#include <csignal>
#include <future>

/// One of three servers is killed, frozen or cut off at a chosen moment.
namespace acme::test {
namespace {

using namespace std::chrono_literals;

const std::string host = "middle.example";

/// How often the certificate of a host was written to etcd.
std::int64_t writes(const etcd_cluster& etcd, const std::string& name)
{
    const auto answer = boost::json::parse(etcd.call("/v3/kv/range", R"({"key":"AA==","range_end":"AA=="})"));
    for (const auto& each : answer.at("kvs").as_array()) {
        const auto key = base64_decode_lenient(each.at("key").as_string());
        if (key && key->ends_with("/certificates/" + name))
            return std::stoll(std::string(each.at("version").as_string()));
    }
    return 0;
}

/// The first node's issuance is under way: its challenge is in the store, and the CA is about to validate it at one of
/// the others.
class middle
{
public:
    explicit middle(std::vector<std::string> arguments)
        : group_(example_server(), ca_, {etcd_.address(0)}, std::move(arguments))
        , visitor_(ca_.root_file())
    {
        for (std::size_t n = 0; n != group_.size; ++n)
            held_ = visit(n, "held.example");
        BOOST_TEST_REQUIRE(!held_.empty());
        group_.take_out(0);
        group_.balancer().stall();
        const auto before = group_.balancer().connections();
        waiting_ = std::async(std::launch::async, [this] { return visit(0, host, 60s); });
        BOOST_TEST_REQUIRE(comes_true([&] { return group_.balancer().connections() > before; }));
    }

    void validate() { group_.balancer().mend(); }
    std::string visit(std::size_t n, const std::string& name, std::chrono::seconds limit = 20s) const
    {
        return visitor_.visit(group_.port(n), name, limit);
    }

    const pebble ca_;
    etcd_cluster etcd_;
    server_group group_;
    const visitor visitor_;
    /// Of a host that all had before.
    std::string held_;
    /// What the first client sees.
    std::future<std::string> waiting_;
};

BOOST_AUTO_TEST_SUITE(cluster_faults, *needs_pebble() * needs_etcd())

BOOST_AUTO_TEST_CASE(what_a_killed_node_began_another_finishes_unasked)
{
    middle m({"--limits", "off", "--lease", "2"});
    m.group_.kill(0);
    m.validate();
    const auto obtained = "certificate obtained for " + host;
    BOOST_TEST(comes_true([&] {
        return m.group_.server(1).wait_for_text(obtained, 0ms) || m.group_.server(2).wait_for_text(obtained, 0ms);
    }));
    const auto serial = m.visit(1, host);
    BOOST_TEST(!serial.empty());
    BOOST_TEST(m.visit(2, host) == serial);
    m.group_.start(0);
    BOOST_TEST(m.visit(0, host) == serial);
    BOOST_TEST(m.ca_.orders() == 2U);
}

BOOST_AUTO_TEST_CASE(a_node_that_is_cut_off_from_etcd_overwrites_nothing_and_comes_back)
{
    middle m({"--limits", "off", "--lease", "2"});
    m.group_.stall(0);
    m.validate();
    const auto serial = m.visit(1, host);
    BOOST_TEST(!serial.empty());
    BOOST_TEST(m.group_.server(0).wait_for_text("the store can't be reached, serving goes on"));
    BOOST_TEST(m.visit(0, "held.example") == m.held_);
    BOOST_TEST(m.visit(0, "new.example", 3s) == "");
    BOOST_TEST(m.ca_.orders() == 2U);
    const auto before = writes(m.etcd_, host);

    m.group_.mend(0);
    BOOST_TEST(m.group_.server(0).wait_for_text("the store can be reached again"));
    BOOST_TEST(m.visit(0, host) == serial);
    const auto first = m.waiting_.get();
    BOOST_TEST((first.empty() || first == serial));
    BOOST_TEST(comes_true([&] { return !m.visit(0, "new.example").empty(); }));
    BOOST_TEST(m.ca_.orders() == 3U);
    BOOST_TEST(writes(m.etcd_, host) == before);
    // A node that starts anew has it from etcd.
    m.group_.kill(2);
    m.group_.start(2);
    BOOST_TEST(m.visit(2, host) == serial);
    BOOST_TEST(m.visit(0, host) == serial);
}

BOOST_AUTO_TEST_CASE(a_node_that_was_frozen_for_longer_than_its_lease_overwrites_nothing)
{
    middle m({"--limits", "off", "--lease", "2"});
    m.group_.server(0).signal(SIGSTOP);
    m.validate();
    const auto serial = m.visit(1, host);
    BOOST_TEST(!serial.empty());
    const auto before = writes(m.etcd_, host);
    m.group_.server(0).signal(SIGCONT);
    BOOST_TEST(m.waiting_.get() == serial);
    BOOST_TEST(m.visit(0, host) == serial);
    BOOST_TEST(comes_true([&] { return !m.visit(0, "again.example").empty(); }));
    BOOST_TEST(writes(m.etcd_, host) == before);
    // A node that starts anew has it from etcd.
    m.group_.kill(2);
    m.group_.start(2);
    BOOST_TEST(m.visit(2, host) == serial);
    BOOST_TEST(m.ca_.orders() == 3U);
}

BOOST_AUTO_TEST_CASE(without_etcd_a_node_starts_from_its_copy_or_says_at_once_what_is_wrong)
{
    const pebble ca;
    etcd_cluster etcd(etcd_setup(3));
    server_group group(
        example_server(), ca, {etcd.address(0), etcd.address(1), etcd.address(2)}, {"--limits", "off", "--lease", "2"});
    const visitor v(ca.root_file());
    const auto serial = v.visit(group.port(0), "held.example");
    BOOST_TEST(!serial.empty());
    const temporary_folder folder;
    auto with_copy = group.command(0);
    with_copy.insert(with_copy.end(), {"--cache-copy", folder / "copy"});
    group.kill(0);
    {
        process server(with_copy);
        BOOST_TEST(server.wait_for_text("listening on https://"), server.all());
        BOOST_TEST(v.visit(group.port(0), "held.example") == serial);
    }
    for (std::size_t n = 0; n != etcd.size(); ++n)
        etcd.kill(n);

    const auto failed = run_process(group.command(0), {}, 10s);
    BOOST_TEST(failed.exit_code == 1);
    BOOST_TEST(failed.out == "");
    BOOST_TEST(failed.err.find("etcd: the store can't be reached: 127.0.0.1:") != std::string::npos, failed.err);

    process server(with_copy);
    BOOST_TEST(server.wait_for_text("listening on https://"), server.all());
    BOOST_TEST(v.visit(group.port(0), "held.example") == serial);
    BOOST_TEST(server.wait_for_text("the store can't be reached, serving goes on"), server.all());
    BOOST_TEST(v.visit(group.port(0), "new.example", 3s) == "");
    BOOST_TEST(ca.orders() == 1U);
    // A majority will do.
    etcd.start({0, 1});
    BOOST_TEST(server.wait_for_text("the store can be reached again"), server.all());
    BOOST_TEST(comes_true([&] { return !v.visit(group.port(0), "new.example").empty(); }), server.all());
    BOOST_TEST(v.visit(group.port(0), "held.example") == serial);
    BOOST_TEST(ca.orders() == 2U);
}

BOOST_AUTO_TEST_CASE(a_signal_ends_a_start_that_waits_for_etcd)
{
    const pebble ca;
    etcd_cluster etcd;
    server_group group(example_server(), ca, {etcd.address(0)}, {});
    for (std::size_t n = 0; n != group.size; ++n)
        group.kill(n);
    etcd.freeze(0);
    const auto before = group.etcd_requests();
    process server(group.command(0));
    BOOST_TEST(comes_true([&] { return group.etcd_requests() != before; }));
    server.signal(SIGTERM);
    BOOST_TEST((server.wait() == 0), server.all());
    BOOST_TEST(server.err() == "");
    etcd.thaw(0);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
