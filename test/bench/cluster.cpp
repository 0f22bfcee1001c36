// Three servers of the example on one etcd, behind a balancer: with a hundred new hosts, and with nothing to do.
//   cluster --server PROGRAM --folder FOLDER

#include "figure.hpp"
#include "kit/etcd.hpp"
#include "kit/server_group.hpp"
#include "kit/visitor.hpp"
#include "manager/state.hpp"
#include "many_certificates.hpp"

#include <acme/etcd_store.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <cstdio>
#include <future>
#include <map>
#include <memory>
#include <stdexcept>
#include <thread>

namespace acme::bench {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t new_hosts = 100;
constexpr std::size_t held_hosts = 10'000;
constexpr auto idle_time = 300s;

std::string new_host(std::size_t n)
{
    return "new" + std::to_string(n) + ".example";
}

std::size_t sum(const std::map<std::string, std::size_t>& counts)
{
    std::size_t all = 0;
    for (const auto& [target, count] : counts)
        all += count;
    return all;
}

// What has come since, by what it is.
void print(
    const std::map<std::string, std::size_t>& before, const std::map<std::string, std::size_t>& after, double scale)
{
    for (const auto& [target, count] : after) {
        const auto found = before.find(target);
        const auto more = count - (found == before.end() ? 0 : found->second);
        if (more != 0)
            std::printf("%41.2f of them %s\n", static_cast<double>(more) * scale, target.c_str());
    }
}

/// Hosts that one node obtains, while a client of each waits at every node: seconds from the first answer, which comes
/// after the save, to the last.
std::vector<double> measure_spread(const test::server_group& group, const test::visitor& v)
{
    std::vector<double> all;
    for (std::size_t n = 0; n != new_hosts / 2; ++n) {
        std::vector<std::future<double>> answers;
        for (std::size_t node = 0; node != group.size; ++node)
            answers.push_back(std::async(std::launch::async, [&, n, node] {
                if (v.visit(group.port(node), "spread-" + new_host(n)).empty())
                    throw std::runtime_error("a host is not served");
                return wall_seconds();
            }));
        std::vector<double> times;
        for (auto& each : answers)
            times.push_back(each.get());
        all.push_back(*std::max_element(times.begin(), times.end()) - *std::min_element(times.begin(), times.end()));
    }
    return all;
}

void measure_new_hosts(const std::string& program)
{
    test::pebble_options o;
    o.nonce_reject = 0;
    const test::pebble ca(o);
    const test::etcd_cluster etcd;
    test::server_group group(program, ca, {etcd.address(0)}, {"--limits", "off"});
    const test::visitor v(ca.root_file());
    v.visit(ca.tls_port(), "first.example");
    const auto orders = ca.orders();
    const auto requests = group.etcd_requests();
    const double begin = wall_seconds();
    std::vector<std::future<std::string>> visits;
    for (std::size_t n = 0; n != new_hosts; ++n)
        visits.push_back(std::async(std::launch::async, [&, n] { return v.visit(ca.tls_port(), new_host(n), 60s); }));
    for (auto& each : visits)
        if (each.get().empty())
            throw std::runtime_error("a host is not served");
    std::printf("%32s %8.2f s\n", "100 new hosts at once", wall_seconds() - begin);
    // What follows an issuance is not at once over.
    std::this_thread::sleep_for(2s);
    const auto after = group.etcd_requests();
    constexpr double one_host = 1.0 / new_hosts;
    const double orders_per_host = static_cast<double>(ca.orders() - orders) * one_host;
    const double requests_per_host = static_cast<double>(sum(after) - sum(requests)) * one_host;
    std::printf("%32s %8.2f\n", "orders a host", orders_per_host);
    std::printf("%32s %8.2f\n", "requests to etcd an issuance", requests_per_host);
    print(requests, after, one_host);
    const auto spread = measure_spread(group, v);
    std::printf("%32s %8.4f s, at most %.4f s\n", "from node to node", median(spread),
        *std::max_element(spread.begin(), spread.end()));
    print_figure("cluster_orders_per_host", orders_per_host);
    print_figure("cluster_spread_s", median(spread));
    print_figure("cluster_spread_max_s", *std::max_element(spread.begin(), spread.end()));
    print_figure("cluster_etcd_requests", requests_per_host);
}

/// An io_context with a thread.
class runner
{
public:
    runner()
        : thread_([this] { io_.run(); })
    {}
    runner(const runner&) = delete;
    runner& operator=(const runner&) = delete;
    ~runner()
    {
        work_.reset();
        thread_.join();
    }

    asio::io_context& io() { return io_; }
    template <class T>
    T run(asio::awaitable<T> operation)
    {
        return asio::co_spawn(io_, std::move(operation), asio::use_future).get();
    }

private:
    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
    std::thread thread_;
};

// One of those that save side by side.
asio::awaitable<void> save_some(std::shared_ptr<store> where, const state_keys& keys, certificate_reader& reader)
{
    certificate_reader::entry e;
    while (reader.read(e))
        co_await where->async_save(keys.certificate(e.host), e.value);
}

void fill(const test::etcd_cluster& etcd, const test::pebble& ca, const std::filesystem::path& file)
{
    runner context;
    etcd_options o;
    o.endpoints = etcd.endpoints();
    o.prefix = "group";
    const auto where = make_etcd_store(context.io().get_executor(), std::move(o));
    const state_keys keys(ca.directory_url());
    certificate_reader reader(file);
    std::vector<std::future<void>> parts;
    for (int n = 0; n != 64; ++n)
        parts.push_back(asio::co_spawn(context.io(), save_some(where, keys, reader), asio::use_future));
    for (auto& each : parts)
        each.get();
}

void measure_idle(const std::string& program, const std::filesystem::path& file)
{
    const test::pebble ca;
    const test::etcd_cluster etcd;
    fill(etcd, ca, file);
    const double begin = wall_seconds();
    test::server_group group(program, ca, {etcd.address(0)});
    // Loading has ended when two seconds go by without a request.
    auto before = group.etcd_requests();
    for (std::size_t seen = 0; seen != sum(before); before = group.etcd_requests()) {
        seen = sum(before);
        std::this_thread::sleep_for(2s);
    }
    std::printf("%32s %8.2f s, %.0f requests to etcd each\n", "10,000 hosts loaded", wall_seconds() - begin - 2,
        static_cast<double>(sum(before)) / group.size);
    std::this_thread::sleep_for(idle_time);
    const auto after = group.etcd_requests();
    const double an_hour = 3600.0 / std::chrono::duration<double>(idle_time).count();
    const double idle = static_cast<double>(sum(after) - sum(before)) * an_hour;
    std::printf("%32s %8.0f\n", "requests to etcd an hour, idle", idle);
    print(before, after, an_hour);
    print_figure("cluster_etcd_idle", idle);
}

int benchmark(int argc, char** argv)
{
    for (const char* program : {"pebble", "pebble-challtestsrv", "etcd", "curl"})
        if (!test::has_program(program)) {
            std::printf("%s is not installed\n", program);
            return 77;
        }
    const auto server = argument(argc, argv, "server");
    const auto file = make_certificates(argument(argc, argv, "folder"), held_hosts);
    print_heading(
        "Three servers on one etcd, behind a balancer, and Pebble as the CA, without refused nonces and sleeps;\n"
        "limits off. Requests to etcd's gateway are those of all three. From node to node: a client waits at each\n"
        "node for one new host; from the first that is served to the last, median and maximum of 50. Idle: the\n"
        "servers have 10,000 hosts of which none is due; five minutes, in which each gives one sign of life, scaled\n"
        "to an hour.");
    measure_new_hosts(server);
    measure_idle(server, file);
    return 0;
}

} // namespace
} // namespace acme::bench

int main(int argc, char** argv)
{
    return acme::bench::benchmark(argc, argv);
}
