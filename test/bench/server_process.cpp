#include "server_process.hpp"

#include "figure.hpp"

#include <csignal>
#include <cstdio>
#include <stdexcept>

namespace acme::bench {
namespace {

using namespace std::chrono_literals;

// Where valgrind or a hundred thousand certificates slow it down.
constexpr auto patience = 300s;

} // namespace

server_process::server_process(std::vector<std::string> command)
    : process_(std::move(command))
{
    const std::string announcement = "port ";
    if (!process_.wait_for_text(announcement, patience) || !process_.wait_for_text("\n", patience))
        throw std::runtime_error("the server does not start: " + process_.all());
    const auto text = process_.out();
    port_ = static_cast<std::uint16_t>(std::stoul(text.substr(text.find(announcement) + announcement.size())));
}

double server_process::cpu_seconds() const
{
    return cpu_seconds_of(process_.pid());
}

void server_process::wait_until_loaded() const
{
    if (!process_.wait_for_text("loaded\n", patience))
        throw std::runtime_error("the server does not load its certificates: " + process_.all());
}

void server_process::end()
{
    process_.signal(SIGTERM);
    if (!process_.wait(patience))
        throw std::runtime_error("the server does not end");
}

server_process::report server_process::ask()
{
    const auto heading = "report " + std::to_string(++reports_) + ": ";
    process_.signal(SIGUSR1);
    if (!process_.wait_for_text(heading, patience))
        throw std::runtime_error("the server does not report: " + process_.all());
    process_.wait_for_text("bad.\n", patience);
    const auto text = process_.out();
    report r;
    long long nanoseconds = 0;
    const auto* begin = text.c_str() + text.find(heading) + heading.size();
    if (std::sscanf(begin, "%lu requests, %lu good in %lld ns, %lu bad.", &r.requests, &r.good, &nanoseconds, &r.bad) !=
        4)
        throw std::runtime_error("the server's report is cut short");
    r.good_seconds = static_cast<double>(nanoseconds) * 1e-9;
    return r;
}

} // namespace acme::bench
