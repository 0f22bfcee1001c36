// What a good handshake costs the server while 64 connections ask for hosts that are not served.
//   flood --ours PROGRAM --folder FOLDER

#include "figure.hpp"
#include "handshake_client.hpp"
#include "many_certificates.hpp"
#include "server_process.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <stdexcept>
#include <sys/resource.h>
#include <thread>

namespace acme::bench {
namespace {

constexpr std::size_t file_count = 100'000;
constexpr std::size_t hosts = 1'000;
constexpr std::size_t a_round = 120;
constexpr unsigned rounds = 15;
constexpr unsigned connections = 64;

/// Asks for one junk name after the other while it exists.
class flood
{
public:
    explicit flood(const handshake_client& client);
    ~flood();
    flood(const flood&) = delete;
    flood& operator=(const flood&) = delete;

private:
    void ask(const handshake_client& client, unsigned thread);

    std::atomic<bool> end_{false};
    std::vector<std::thread> threads_;
};

flood::flood(const handshake_client& client)
{
    static std::atomic<unsigned> number{0};
    for (unsigned i = 0; i < connections; ++i)
        threads_.emplace_back([this, &client, n = number++] { ask(client, n); });
}

flood::~flood()
{
    end_ = true;
    for (auto& t : threads_)
        t.join();
}

void flood::ask(const handshake_client& client, unsigned thread)
{
    // The good clients have the time that they have without a flood: their machines are not the attacker's.
    setpriority(PRIO_PROCESS, 0, 19);
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
        const flood f(client);
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
        "other, as fast as they can. They are refused by an allow-list, or by the self-check: each name leads to\n"
        "where nobody answers. CPU time of the good connections only, by a metering executor; medians of paired\n"
        "rounds.");
    std::printf("%12s %11s %11s %8s %20s %8s\n", "guard", "alone", "in a flood", "ratio", "junk names", "CA asked");
    stay_on_core(client_core);
    double ratio = 0;
    unsigned long requests = 0;
    for (const char* guard : {"allow-list", "self-check"}) {
        auto guarded = command;
        guarded.insert(guarded.end(), {std::string("--") + guard, "yes"});
        server_process server(guarded);
        const auto found = compare(guard, server);
        ratio = std::max(ratio, found.ratio);
        requests += found.requests;
    }
    print_figure("flood_cpu_ratio", ratio);
    print_figure("flood_ca_requests", static_cast<double>(requests));
    return 0;
}

} // namespace
} // namespace acme::bench

int main(int argc, char** argv)
{
    return acme::bench::benchmark(argc, argv);
}
