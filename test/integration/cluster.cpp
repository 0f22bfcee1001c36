#include "integration/cluster.hpp"

#include "kit/sanitized.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>

/// Three servers behind a balancer, whose nodes and members of etcd die.
namespace acme::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr std::size_t hosts = 100;

std::string host(std::size_t n)
{
    return "host" + std::to_string(n) + ".example";
}

struct sighting
{
    std::string serial;
    steady_clock::time_point when;
};

/// Clients that ask for a host until they are served, and then again and again until the end.
class audience
{
public:
    audience(const pebble& ca, std::uint16_t port)
        : visitor_(ca.root_file())
        , port_(port)
    {}
    audience(const audience&) = delete;
    audience& operator=(const audience&) = delete;
    ~audience() { end(); }

    void invite(const std::string& host)
    {
        const std::lock_guard lock(mutex_);
        seen_[host];
        clients_.push_back(std::async(std::launch::async, [this, host] { attend(host); }));
    }

    /// Returns once each host has been seen, or it took too long. The serial numbers that each has had.
    std::map<std::string, std::set<std::string>> end()
    {
        over_ = true;
        for (auto& each : clients_)
            each.wait();
        return seen_;
    }

private:
    void attend(const std::string& host)
    {
        // A validation that a kill cuts off costs its host a minute.
        constexpr auto patience = 150s;
        const auto give_up = steady_clock::now() + patience;
        for (bool served = false; !(served && over_) && steady_clock::now() < give_up;) {
            const auto serial = visitor_.visit(port_, host, 10s);
            served = served || !serial.empty();
            if (!serial.empty()) {
                const std::lock_guard lock(mutex_);
                seen_[host].insert(serial);
            }
            std::this_thread::sleep_for(served ? 1s : 100ms);
        }
    }

    const visitor visitor_;
    const std::uint16_t port_;
    std::atomic<bool> over_ = false;
    mutable std::mutex mutex_;
    std::map<std::string, std::set<std::string>> seen_;
    std::vector<std::future<void>> clients_;
};

/// New hosts at an even pace, and a node killed every second. Each host has one certificate in the end, at every node.
void kill_nodes(
    const pebble& ca, server_group& group, std::size_t seconds, std::function<void(std::size_t)> each_second)
{
    audience clients(ca, ca.tls_port());
    auto next = steady_clock::now();
    for (std::size_t s = 0; s != seconds; ++s) {
        for (auto n = s * hosts / seconds; n != (s + 1) * hosts / seconds; ++n)
            clients.invite(host(n));
        // At another moment of their issuance each time.
        std::this_thread::sleep_for((s * 37 % 250) * 1ms);
        group.kill(s % group.size);
        group.start(s % group.size);
        each_second(s);
        std::this_thread::sleep_until(next += 1s);
    }
    const auto seen = clients.end();
    BOOST_TEST(seen.size() == hosts);
    const visitor v(ca.root_file());
    for (const auto& [name, serials] : seen) {
        BOOST_TEST(serials.size() == 1U, name << " has had " << serials.size() << " certificates");
        for (std::size_t n = 0; n != group.size; ++n)
            BOOST_TEST(serials.contains(v.visit(group.port(n), name)), name << " at node " << n);
    }
    BOOST_TEST_MESSAGE(ca.orders() << " orders for " << hosts << " hosts");
    // What the CA was asked for just before a kill, nobody may have been told of.
    BOOST_TEST(ca.orders() >= hosts);
    BOOST_TEST(ca.orders() <= hosts + seconds);
}

/// Asks for so many hosts at once, several clients for each, so that the nodes compete. Each host has one certificate,
/// at every node. The longest time from the first client of a host that was served to the last.
steady_clock::duration ask_everywhere(const pebble& ca, const server_group& group, std::size_t count)
{
    const visitor v(ca.root_file());
    std::vector<std::vector<std::future<sighting>>> all(count);
    for (std::size_t n = 0; n != count; ++n)
        for (std::size_t client = 0; client != group.size; ++client)
            all[n].push_back(std::async(std::launch::async, [&ca, &v, n] {
                sighting s;
                s.serial = v.visit(ca.tls_port(), host(n), 60s);
                s.when = steady_clock::now();
                return s;
            }));
    auto slowest = steady_clock::duration::zero();
    for (std::size_t n = 0; n != count; ++n) {
        const auto first = all[n][0].get();
        BOOST_TEST(!first.serial.empty(), host(n));
        auto earliest = first.when, latest = first.when;
        for (std::size_t client = 1; client != group.size; ++client) {
            const auto other = all[n][client].get();
            BOOST_TEST(other.serial == first.serial, host(n));
            earliest = std::min(earliest, other.when);
            latest = std::max(latest, other.when);
        }
        slowest = std::max(slowest, latest - earliest);
        for (std::size_t at = 0; at != group.size; ++at)
            BOOST_TEST(v.visit(group.port(at), host(n)) == first.serial, host(n) << " at node " << at);
    }
    return slowest;
}

BOOST_AUTO_TEST_SUITE(cluster, *needs_pebble() * needs_etcd())

BOOST_AUTO_TEST_CASE(a_hundred_new_hosts_at_three_nodes_are_a_hundred_orders)
{
    const pebble ca;
    const etcd_cluster etcd;
    server_group group(example_server(), ca, {etcd.address(0)}, {"--limits", "off"});
    const auto slowest = ask_everywhere(ca, group, hosts);
    BOOST_TEST_MESSAGE("served everywhere within " << slowest / 1ms << " ms");
    BOOST_TEST((sanitized || slowest < 1s));
    BOOST_TEST(ca.orders() == hosts);
}

// As many as leave time to spare under a sanitizer.
BOOST_AUTO_TEST_CASE(who_waits_at_another_node_is_served_within_a_second)
{
    constexpr std::size_t few = 10;
    const pebble ca;
    const etcd_cluster etcd;
    server_group group(example_server(), ca, {etcd.address(0)}, {"--limits", "off"});
    const auto slowest = ask_everywhere(ca, group, few);
    BOOST_TEST_MESSAGE("served everywhere within " << slowest / 1ms << " ms");
    BOOST_TEST((slowest < 1s));
    BOOST_TEST(ca.orders() == few);
}

BOOST_AUTO_TEST_CASE(nodes_killed_every_second_cost_no_host_its_certificate)
{
    const pebble ca;
    const etcd_cluster etcd;
    server_group group(example_server(), ca, {etcd.address(0)}, {"--limits", "off", "--lease", "2"});
    kill_nodes(ca, group, 60, [](std::size_t) {});
}

BOOST_AUTO_TEST_CASE(neither_do_leaders_of_etcd_that_are_killed_meanwhile)
{
    const pebble ca;
    etcd_cluster etcd(etcd_setup(3));
    server_group group(
        example_server(), ca, {etcd.address(0), etcd.address(1), etcd.address(2)}, {"--limits", "off", "--lease", "2"});
    std::optional<std::size_t> dead;
    kill_nodes(ca, group, 12, [&](std::size_t second) {
        if (second % 6 == 2) {
            dead = etcd.leader();
            etcd.kill(*dead);
        }
        if (second % 6 == 4)
            etcd.start(*dead);
    });
}

BOOST_AUTO_TEST_CASE(a_client_resumes_its_session_at_another_node)
{
    const pebble ca;
    const etcd_cluster etcd;
    server_group group(example_server(), ca, {etcd.address(0)}, {"--limits", "off"});
    BOOST_TEST(!visitor(ca.root_file()).visit(group.port(0), host(0)).empty());
    const temporary_folder folder;
    const auto session = (folder / "session").native();
    process_options request;
    // In TLS 1.3 the ticket comes with the first answer.
    request.input = "GET / HTTP/1.0\r\nHost: " + host(0) + "\r\n\r\n";
    request.keep_input_open = true;
    const auto connects = [&](std::size_t node, std::vector<std::string> how, const std::string& expected) {
        std::vector<std::string> command{
            "openssl", "s_client", "-connect", "127.0.0.1:" + std::to_string(group.port(node)), "-servername", host(0)};
        command.insert(command.end(), how.begin(), how.end());
        const auto done = run_process(command, request);
        return done.out.find(expected) != std::string::npos;
    };
    for (const std::string version : {"-tls1_2", "-tls1_3"}) {
        // Until they have agreed on the keys.
        BOOST_TEST(comes_true([&] {
            std::filesystem::remove(session);
            return connects(0, {version, "-sess_out", session}, "New, TLSv1") &&
                connects(1, {version, "-sess_in", session}, "Reused, TLSv1");
        }),
            version);
        BOOST_TEST(connects(2, {version, "-sess_in", session}, "Reused, TLSv1"), version);
    }
    BOOST_TEST(ca.orders() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
