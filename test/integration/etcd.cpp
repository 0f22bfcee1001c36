#include "crypto/base64.hpp"
#include "integration/clients.hpp"
#include "integration/cluster.hpp"

#include <acme/encrypted_store.hpp>

#include <boost/test/unit_test.hpp>

#include <csignal>

namespace acme::test {

using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(etcd, *needs_pebble() * needs_etcd())

BOOST_AUTO_TEST_CASE(a_server_finds_in_etcd_what_another_one_saved)
{
    const pebble ca;
    etcd_cluster cluster;
    const temporary_folder folder;
    write_whole_file(folder / "keys", encryption_key::generate().text() + "\n");
    const std::vector<std::string> command{example_server(), "--https", "127.0.0.1:" + std::to_string(ca.tls_port()),
        "--directory", ca.directory_url(), "--ca-bundle", ca.ca_file().native(), "--cache",
        "etcd://" + cluster.address(0) + "/group", "--cache-key", folder / "keys"};
    std::string first;
    for (const bool again : {false, true}) {
        process server(command);
        BOOST_TEST_REQUIRE(server.wait_for_text("listening on https://"), server.all());
        const auto peer = s_client("etcd.example", ca.tls_port(), ca.root_file());
        BOOST_TEST(peer.verified, peer.text);
        BOOST_TEST((!again || peer.certificate == first));
        first = peer.certificate;
        server.signal(SIGTERM);
        BOOST_TEST((server.wait(15s) == 0), server.all());
    }
    BOOST_TEST(ca.orders() == 1U);
    const std::string stored = cluster.call("/v3/kv/range", R"({"key":"AA==","range_end":"AA=="})");
    const auto count = [&](const std::string& text) {
        std::size_t n = 0;
        for (auto at = stored.find(text); at != stored.npos; at = stored.find(text, at + 1))
            ++n;
        return n;
    };
    BOOST_TEST(count("\"value\":\"") >= 2U);
    BOOST_TEST(count("\"value\":\"" + base64_encode("asio-acme-encrypted 1")) == count("\"value\":\""));

    cluster.kill(0);
    auto with_copy = command;
    with_copy.insert(with_copy.end(), {"--cache-copy", folder / "copy"});
    for (const bool reachable : {true, false}) {
        reachable ? cluster.start(0) : cluster.kill(0);
        process server(with_copy);
        BOOST_TEST_REQUIRE(server.wait_for_text("listening on https://"), server.all());
        BOOST_TEST(s_client("etcd.example", ca.tls_port(), ca.root_file()).certificate == first);
    }
    const auto failed = run_process(command, {}, 20s);
    BOOST_TEST(failed.exit_code == 1);
    BOOST_TEST(failed.err.find("etcd: the store can't be reached") != std::string::npos, failed.err);
    BOOST_TEST(failed.err.find(cluster.address(0)) != std::string::npos, failed.err);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
