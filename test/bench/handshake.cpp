// What a full TLS 1.3 handshake costs the server, with the library and without it: CPU time, and instructions where
// valgrind is installed.
//   handshake --bare PROGRAM --ours PROGRAM --folder FOLDER [--rounds N]

#include "figure.hpp"
#include "handshake_client.hpp"
#include "many_certificates.hpp"
#include "server_process.hpp"

#include <acme/certificate.hpp>

#include <cstdio>
#include <fstream>
#include <stdexcept>

namespace acme::bench {
namespace {

constexpr std::size_t many = 100'000;
constexpr std::size_t a_round = 600;
constexpr unsigned client_threads = 4;

/// Where everything is.
struct setting
{
    std::filesystem::path certificates;
    test::temporary_folder scratch;
    std::vector<std::string> bare;
    std::string ours;
    unsigned rounds;

    setting(int argc, char** argv);
    std::vector<std::string> ours_with(std::size_t hosts, bool shared) const;
};

setting::setting(int argc, char** argv)
    : certificates(make_certificates(argument(argc, argv, "folder"), many))
    , ours(argument(argc, argv, "ours"))
    , rounds(static_cast<unsigned>(std::stoul(argument(argc, argv, "rounds", "21"))))
{
    const auto first = read_certificates(certificates, 1).front().second;
    test::write_whole_file(scratch / "chain.pem", first->chain_pem());
    test::write_whole_file(scratch / "key.pem", first->private_key().to_pem());
    bare = {argument(argc, argv, "bare"), "--chain", scratch / "chain.pem", "--key", scratch / "key.pem"};
}

std::vector<std::string> setting::ours_with(std::size_t hosts, bool shared) const
{
    return {ours, "--certificates", certificates, "--hosts", std::to_string(hosts), "--shared", shared ? "yes" : "no"};
}

double microseconds_of_a_round(const server_process& s, const handshake_client& c, std::size_t hosts, unsigned round)
{
    const double begin = s.cpu_seconds();
    shake_many(c, a_round, hosts, client_threads, round);
    return (s.cpu_seconds() - begin) * 1e6 / a_round;
}

void compare_cpu(const setting& s, std::size_t hosts, const char* figure)
{
    server_process bare(s.bare), ours(s.ours_with(hosts, false));
    ours.wait_until_loaded();
    const handshake_client to_bare(bare.port()), to_ours(ours.port());
    microseconds_of_a_round(bare, to_bare, hosts, 0);
    microseconds_of_a_round(ours, to_ours, hosts, 0);
    std::vector<double> of_bare, of_ours, ratios;
    for (unsigned round = 1; round <= s.rounds; ++round) {
        const bool bare_first = round % 2 == 0;
        if (bare_first)
            of_bare.push_back(microseconds_of_a_round(bare, to_bare, hosts, round));
        of_ours.push_back(microseconds_of_a_round(ours, to_ours, hosts, round));
        if (!bare_first)
            of_bare.push_back(microseconds_of_a_round(bare, to_bare, hosts, round));
        ratios.push_back(of_ours.back() / of_bare.back());
    }
    std::printf("%9zu hosts  %18s  %10.1f us  %10.1f us  %8.3f\n", hosts, "CPU time", median(of_bare), median(of_ours),
        median(ratios));
    print_figure(figure, median(ratios));
}

double total_instructions(const std::filesystem::path& file)
{
    std::ifstream in(file);
    std::string line;
    while (std::getline(in, line))
        if (line.starts_with("totals: ") || line.starts_with("summary: "))
            return std::stod(line.substr(line.find(' ')));
    throw std::runtime_error("callgrind has written no total");
}

double instructions_of(const setting& s, const std::vector<std::string>& server, std::size_t hosts, std::size_t count)
{
    const auto file = s.scratch / "callgrind.out";
    std::vector<std::string> command{"valgrind", "-q", "--tool=callgrind", "--callgrind-out-file=" + file.string()};
    command.insert(command.end(), server.begin(), server.end());
    server_process p(command);
    // One after the other: as many connections are accepted at a time in every run.
    shake_many(handshake_client(p.port()), count, hosts, 1, 1);
    p.end();
    return total_instructions(file);
}

// By the difference of two runs, which cancels what is done once.
double instructions_a_handshake(const setting& s, const std::vector<std::string>& server, std::size_t hosts)
{
    constexpr std::size_t few = 100;
    const double once = instructions_of(s, server, hosts, few);
    return (instructions_of(s, server, hosts, 2 * few) - once) / few;
}

void compare_instructions(const setting& s, double bare, std::size_t hosts, const char* figure)
{
    const double ours = instructions_a_handshake(s, s.ours_with(hosts, true), hosts);
    std::printf("%9zu hosts  %18s  %13.0f  %13.0f  %8.4f\n", hosts, "instructions", bare, ours, ours / bare);
    print_figure(figure, ours / bare);
}

int benchmark(int argc, char** argv)
{
    const setting s(argc, argv);
    print_heading(
        "What a full TLS 1.3 handshake costs the server's process: bare Asio with one fixed certificate, and the\n"
        "library with so many hosts, which are asked for at random. CPU time: medians of paired rounds, server\n"
        "and client on a core each. Instructions: user space, by callgrind; there the hosts share a certificate.");
    stay_on_core(client_core);
    std::printf("%15s  %18s  %13s  %13s  %8s\n", "", "a handshake", "bare", "ours", "ratio");
    compare_cpu(s, 1, "handshake_cpu_ratio_1");
    compare_cpu(s, many, "handshake_cpu_ratio_100000");
    if (!test::has_program("valgrind")) {
        std::printf("valgrind is not installed: no instructions\n");
        return 0;
    }
    const double bare = instructions_a_handshake(s, s.bare, 1);
    compare_instructions(s, bare, 1, "handshake_instructions_ratio_1");
    compare_instructions(s, bare, many, "handshake_instructions_ratio_100000");
    return 0;
}

} // namespace
} // namespace acme::bench

int main(int argc, char** argv)
{
    return acme::bench::benchmark(argc, argv);
}
