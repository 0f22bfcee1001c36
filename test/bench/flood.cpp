// What a good handshake costs the server while 64 connections ask for hosts that are not served.
//   flood --ours PROGRAM --folder FOLDER

#include "figure.hpp"
#include "handshake_client.hpp"
#include "many_certificates.hpp"
#include "server_process.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <thread>

namespace acme::bench {
namespace {

constexpr std::size_t file_count = 100'000;
constexpr std::size_t hosts = 1'000;
constexpr std::size_t a_round = 120;
constexpr unsigned rounds = 15;
constexpr std::uint8_t connections = 64;

/// Asks for one junk name after the other while it exists, from as many addresses as connections.
class flood
{
public:
    explicit flood(std::uint16_t port);
    ~flood();
    flood(const flood&) = delete;
    flood& operator=(const flood&) = delete;

private:
    void ask(const handshake_client& client, unsigned thread) const;

    std::atomic<bool> end_{false};
    std::vector<std::thread> threads_;
};

flood::flood(std::uint16_t port)
{
    static unsigned number = 0;
    for (std::uint8_t i = 0; i < connections; ++i)
        threads_.emplace_back([this, port, i, n = number++] { ask(handshake_client(port, i), n); });
}

flood::~flood()
{
    end_ = true;
    for (auto& t : threads_)
        t.join();
}

void flood::ask(const handshake_client& client, unsigned thread) const
{
    for (unsigned n = 0; !end_; ++n)
        if (client.shake("junk" + std::to_string(n) + "." + std::to_string(thread) + ".example"))
            std::abort();
}

double microseconds_of_a_round(server_process& server, const handshake_client& client, unsigned round)
{
    const auto before = server.ask();
    shake_many(client, a_round, hosts, 4, round);
    const auto after = server.ask();
    return (after.good_seconds - before.good_seconds) * 1e6 / static_cast<double>(after.good - before.good);
}

/// What came of a flood against one guard.
struct outcome
{
    double ratio;
    unsigned long requests;
};

outcome compare(const char* guard, server_process& server)
{
    server.wait_until_loaded();
    const handshake_client client(server.port());
    std::vector<double> alone, flooded, ratios;
    microseconds_of_a_round(server, client, 0);
    const double begin = wall_seconds();
    for (unsigned round = 1; round <= rounds; ++round) {
        alone.push_back(microseconds_of_a_round(server, client, round));
        const flood f(server.port());
        flooded.push_back(microseconds_of_a_round(server, client, round));
        ratios.push_back(flooded.back() / alone.back());
    }
    const double took = wall_seconds() - begin;
    const auto all = server.ask();
    std::printf("%12s %8.1f us %8.1f us %8.3f %10lu in %4.1f s %8lu\n", guard, median(alone), median(flooded),
        median(ratios), all.bad, took, all.requests);
    return {median(ratios), all.requests};
}

int benchmark(int argc, char** argv)
{
    const auto file = make_certificates(argument(argc, argv, "folder"), file_count);
    const std::vector<std::string> command{
        argument(argc, argv, "ours"), "--certificates", file, "--hosts", std::to_string(hosts), "--metered", "yes"};
    print_heading(
        "A good handshake among 1,000 hosts, alone and while 64 connections ask for one junk name after the\n"
        "other, as fast as they can, each from an address of its own. They are refused by an allow-list; or by the\n"
        "defaults: each name leads to where nobody answers, which the self-check finds out, and soon the clients'\n"
        "budgets are spent; or by the self-check without budgets; or by an allow-list without the pace of refusals.\n"
        "CPU time of the good connections only, by a metering executor; medians of paired rounds.");
    std::printf("%12s %11s %11s %8s %20s %8s\n", "guard", "alone", "in a flood", "ratio", "junk names", "CA asked");
    stay_on_core(client_core);
    unsigned long requests = 0;
    std::map<std::string, double> ratios;
    for (const char* guard : {"allow-list", "defaults", "self-check", "unpaced"}) {
        auto guarded = command;
        guarded.insert(guarded.end(), {"--guard", guard});
        server_process server(guarded);
        const auto found = compare(guard, server);
        ratios[guard] = found.ratio;
        requests += found.requests;
    }
    print_figure("flood_cpu_ratio", std::max(ratios["allow-list"], ratios["defaults"]));
    print_figure("flood_cpu_ratio_without_budgets", ratios["self-check"]);
    print_figure("flood_cpu_ratio_without_pace", ratios["unpaced"]);
    print_figure("flood_ca_requests", static_cast<double>(requests));
    return 0;
}

} // namespace
} // namespace acme::bench

int main(int argc, char** argv)
{
    return acme::bench::benchmark(argc, argv);
}
