// From the start of a process to its first handshake, with 100,000 certificates in a store.
//   start --ours PROGRAM --folder FOLDER --store KIND

#include "figure.hpp"
#include "handshake_client.hpp"
#include "many_certificates.hpp"
#include "open_store.hpp"
#include "server_process.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include <cstdio>

namespace acme::bench {
namespace {

constexpr std::size_t count = 100'000;
constexpr unsigned rounds = 3;
constexpr unsigned savers = 10'000;

// One of those that save side by side, so that a store which joins saves can.
boost::asio::awaitable<void> save_some(std::shared_ptr<store> where, certificate_reader& reader)
{
    certificate_reader::entry e;
    while (reader.read(e))
        co_await where->async_save(object_key(e.host), e.value);
}

void rethrow(std::exception_ptr e)
{
    if (e)
        std::rethrow_exception(e);
}

boost::asio::awaitable<void> fill(std::string kind, std::filesystem::path place, certificate_reader& reader)
{
    const auto where = co_await open_store(kind, place);
    const auto executor = co_await boost::asio::this_coro::executor;
    for (unsigned n = 0; n < savers; ++n)
        boost::asio::co_spawn(executor, save_some(where, reader), &rethrow);
}

void make_store(const std::string& kind, const std::filesystem::path& place, const std::filesystem::path& file)
{
    boost::asio::io_context io(1);
    certificate_reader reader(file);
    boost::asio::co_spawn(io, fill(kind, place, reader), &rethrow);
    io.run();
}

int benchmark(int argc, char** argv)
{
    const auto file = make_certificates(argument(argc, argv, "folder"), count);
    const auto kind = argument(argc, argv, "store");
    print_heading(
        "From the start of the process until a client has its first handshake, for a host at random, and until\n"
        "all of 100,000 certificates are at hand; they are in the system's file cache. Medians of three starts.");
    const test::temporary_folder folder;
    const double making = wall_seconds();
    make_store(kind, folder / "store", file);
    std::printf("%24s %8.2f s (%s store)\n", "filling the store", wall_seconds() - making, kind.c_str());
    std::vector<double> first, all;
    for (unsigned round = 0; round < rounds; ++round) {
        const double begin = wall_seconds();
        const server_process server({argument(argc, argv, "ours"), "--store", kind, "--path", folder / "store",
            "--hosts", std::to_string(count), "--one-core", "no"});
        handshake_client(server.port()).must_shake(host_name(count / 2 + round * 12'345));
        first.push_back(wall_seconds() - begin);
        server.wait_until_loaded();
        all.push_back(wall_seconds() - begin);
    }
    std::printf("%24s %8.2f s\n%24s %8.2f s\n", "first handshake", median(first), "all loaded", median(all));
    print_figure("start_first_handshake_s", median(first));
    print_figure("start_all_loaded_s", median(all));
    return 0;
}

} // namespace
} // namespace acme::bench

int main(int argc, char** argv)
{
    return acme::bench::benchmark(argc, argv);
}
