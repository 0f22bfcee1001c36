// New hosts at a real CA (Pebble, neither refusing nonces nor sleeping), limits off, with an account at hand: one host,
// and a hundred at once.
//   issue --ours PROGRAM

#include "figure.hpp"
#include "handshake_client.hpp"
#include "kit/pebble.hpp"
#include "server_process.hpp"

#include <cstdio>
#include <future>

namespace acme::bench {
namespace {

constexpr std::size_t burst_size = 100;
constexpr unsigned bursts = 3;
constexpr unsigned single_hosts = 9;

struct cost
{
    double seconds = 0;
    double requests = 0;
    double cpu_ms = 0;
};

/// What `work` takes, for each of `count` certificates but for the time, which is that of all.
template <class Work>
cost measure(server_process& server, std::size_t count, Work work)
{
    const auto before = server.ask();
    const double cpu = server.cpu_seconds();
    const double begin = wall_seconds();
    work();
    cost c;
    c.seconds = wall_seconds() - begin;
    c.cpu_ms = (server.cpu_seconds() - cpu) * 1e3 / static_cast<double>(count);
    c.requests = static_cast<double>(server.ask().requests - before.requests) / static_cast<double>(count);
    return c;
}

void ask_at_once(const handshake_client& client, unsigned burst)
{
    std::vector<std::future<void>> all;
    for (std::size_t n = 0; n < burst_size; ++n)
        all.push_back(std::async(std::launch::async, [&client, burst, n] {
            client.must_shake("new" + std::to_string(n) + ".burst" + std::to_string(burst) + ".example");
        }));
    for (auto& each : all)
        each.get();
}

cost median_of(const std::vector<cost>& all)
{
    const auto of = [&](double cost::* which) {
        std::vector<double> values;
        for (const auto& c : all)
            values.push_back(c.*which);
        return median(values);
    };
    cost m;
    m.seconds = of(&cost::seconds);
    m.requests = of(&cost::requests);
    m.cpu_ms = of(&cost::cpu_ms);
    return m;
}

void print(const char* what, const cost& c)
{
    std::printf("%24s %10.3f s %8.1f requests %8.2f ms of CPU\n", what, c.seconds, c.requests, c.cpu_ms);
}

int benchmark(int argc, char** argv)
{
    if (!test::has_program("pebble") || !test::has_program("pebble-challtestsrv")) {
        std::printf("Pebble is not installed\n");
        return 77;
    }
    print_heading(
        "New hosts at Pebble, without refused nonces and sleeps; limits off; account and connection at hand. Time\n"
        "from the client's connect to the end of its handshake; requests and the server's CPU time a\n"
        "certificate. Medians.");
    test::pebble_options o;
    o.nonce_reject = 0;
    const test::pebble ca(o);
    server_process server({argument(argc, argv, "ours"), "--directory", ca.directory_url(), "--ca-file", ca.ca_file(),
        "--port", std::to_string(ca.tls_port()), "--one-core", "no"});
    const handshake_client client(server.port());
    client.must_shake("first.example");
    std::vector<cost> single, burst;
    for (unsigned n = 0; n < single_hosts; ++n)
        single.push_back(measure(server, 1, [&] { client.must_shake("single" + std::to_string(n) + ".example"); }));
    for (unsigned n = 0; n < bursts; ++n)
        burst.push_back(measure(server, burst_size, [&] { ask_at_once(client, n); }));
    const auto one = median_of(single), hundred = median_of(burst);
    print("1 new host", one);
    print("100 new hosts at once", hundred);
    print_figure("issue_ms", one.seconds * 1e3);
    print_figure("issue_requests", one.requests);
    print_figure("burst_seconds", hundred.seconds);
    print_figure("burst_requests", hundred.requests);
    print_figure("burst_cpu_ms", hundred.cpu_ms);
    return 0;
}

} // namespace
} // namespace acme::bench

int main(int argc, char** argv)
{
    return acme::bench::benchmark(argc, argv);
}
