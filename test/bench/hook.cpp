// What the TLS hook does for a certificate at hand: `credentials::find` and `use_certificate`, on an SSL object that
// stays (the machinery that calls the hook takes a hundred times as long, and would drown it).
//   hook --folder FOLDER

#include "figure.hpp"
#include "manager/credential_index.hpp"
#include "many_certificates.hpp"
#include "server/client_hello_hook.hpp"

#include <openssl/ssl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <thread>

namespace acme::bench {
namespace {

using certificates = std::vector<std::pair<std::string, certificate_ptr>>;

constexpr std::size_t file_count = 100'000;
constexpr std::size_t own = 1'000;
constexpr unsigned rounds = 15;

void fill(credential_index& index, const certificates& from, std::size_t hosts)
{
    for (std::size_t n = 0; n < hosts; ++n)
        index.certificates.insert(host_name(n), from[n % from.size()].second);
}

/// Names as they come in ClientHellos, made before the clock runs.
std::vector<std::string> random_names(std::size_t hosts, std::size_t count, unsigned seed)
{
    std::mt19937 random(seed);
    std::uniform_int_distribution<std::size_t> host(0, hosts - 1);
    std::vector<std::string> names;
    for (std::size_t n = 0; n < count; ++n)
        names.push_back(host_name(host(random)));
    return names;
}

class connection
{
public:
    connection()
        : context_(SSL_CTX_new(TLS_method()))
        , tls_(SSL_new(context_.get()))
    {}

    void serve(const credentials& c, std::string_view name)
    {
        auto found = c.find(name);
        if (!found || !use_certificate(tls_.get(), *found, shown_as::named))
            throw std::logic_error("the index lacks a host");
    }

private:
    bssl::UniquePtr<SSL_CTX> context_;
    bssl::UniquePtr<SSL> tls_;
};

double nanoseconds_a_hit(const credentials& c, const std::vector<std::string>& names)
{
    connection tls;
    const double begin = cpu_seconds();
    for (const auto& name : names)
        tls.serve(c, name);
    return (cpu_seconds() - begin) * 1e9 / static_cast<double>(names.size());
}

void compare_sizes(const certificates& from)
{
    constexpr std::size_t few = 1'000, many = 1'000'000, hits = 200'000;
    credential_index small, large;
    fill(small, from, few);
    fill(large, from, many);
    std::vector<double> of_small, of_large, ratios;
    for (unsigned round = 0; round <= rounds; ++round) {
        const double s = nanoseconds_a_hit(small, random_names(few, hits, round));
        const double l = nanoseconds_a_hit(large, random_names(many, hits, round));
        // The first one warms up.
        if (round == 0)
            continue;
        of_small.push_back(s);
        of_large.push_back(l);
        ratios.push_back(l / s);
    }
    std::printf("%32s  %8.0f ns a hit\n%32s  %8.0f ns a hit\n", "1,000 hosts", median(of_small), "1,000,000 hosts",
        median(of_large));
    print_figure("hook_ratio_1000000_to_1000", median(ratios));
}

/// Replaces certificates at a steady pace while it exists.
class replacer
{
public:
    replacer(credential_index& index, const certificates& from)
        : thread_([this, &index, &from] { replace(index, from); })
    {}
    ~replacer()
    {
        end_ = true;
        thread_.join();
    }
    std::size_t count() const noexcept { return count_; }

private:
    void replace(credential_index& index, const certificates& from)
    {
        auto next = std::chrono::steady_clock::now();
        while (!end_) {
            const auto n = count_++ % from.size();
            index.certificates.insert(from[n].first, from[(n * 7 + count_ / from.size()) % from.size()].second);
            std::this_thread::sleep_until(next += std::chrono::milliseconds(1));
        }
    }

    std::atomic<bool> end_{false};
    std::atomic<std::size_t> count_{0};
    std::thread thread_;
};

/// Hits a second, of so many threads.
double throughput(const credential_index& index, const std::vector<std::string>& names, unsigned threads)
{
    constexpr auto span = std::chrono::milliseconds(150);
    std::atomic<bool> begin{false}, end{false};
    std::atomic<std::size_t> hits{0};
    std::vector<std::thread> all;
    for (unsigned i = 0; i < threads; ++i)
        all.emplace_back([&, i] {
            stay_on_core(i);
            connection tls;
            std::size_t n = 0;
            while (!begin) {
            }
            for (auto at = i * names.size() / 2; !end; at = (at + 1) % names.size(), ++n)
                tls.serve(index, names[at]);
            hits += n;
        });
    const double started = wall_seconds();
    begin = true;
    std::this_thread::sleep_for(span);
    end = true;
    const double took = wall_seconds() - started;
    for (auto& t : all)
        t.join();
    return static_cast<double>(hits) / took;
}

void compare_threads(const certificates& from)
{
    credential_index index;
    fill(index, from, from.size());
    const auto names = random_names(from.size(), 20'000, 1);
    std::vector<double> one, two, ratios;
    const replacer at_work(index, from);
    for (unsigned round = 0; round < rounds; ++round) {
        one.push_back(throughput(index, names, 1));
        two.push_back(throughput(index, names, 2));
        ratios.push_back(two.back() / one.back());
    }
    std::printf("%32s  %8.0f hits a ms\n%32s  %8.0f hits a ms\n", "one thread", median(one) / 1e3, "two threads",
        median(two) / 1e3);
    print_figure("hook_two_thread_speedup", median(ratios));
}

int benchmark(int argc, char** argv)
{
    const auto file = make_certificates(argument(argc, argv, "folder"), file_count);
    print_heading(
        "The hook for a certificate at hand: find it, and give the connection chain and key. Random hosts; CPU\n"
        "time of one thread, where the hosts share 1,000 certificates; then the throughput of threads on a\n"
        "core each while certificates are replaced 1,000 times a second, where each host has its own.");
    const auto from = read_certificates(file, own);
    compare_threads(from);
    compare_sizes(from);
    return 0;
}

} // namespace
} // namespace acme::bench

int main(int argc, char** argv)
{
    return acme::bench::benchmark(argc, argv);
}
