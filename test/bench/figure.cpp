#include "figure.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <malloc.h>
#include <sched.h>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

namespace acme::bench {
namespace {

double read_clock(clockid_t id)
{
    timespec t{};
    if (clock_gettime(id, &t) != 0)
        throw std::system_error(errno, std::generic_category(), "clock_gettime");
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

} // namespace

void print_figure(const char* name, double value)
{
    std::printf("figure %s %.4g\n", name, value);
    std::fflush(stdout);
}

void print_heading(const char* what)
{
    std::printf("%s\nBoringSSL: %s\n\n", what, BENCH_BORINGSSL);
    std::fflush(stdout);
}

double median(std::vector<double> values)
{
    if (values.empty())
        throw std::invalid_argument("the median of nothing");
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

void stay_on_core(unsigned core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    sched_setaffinity(0, sizeof set, &set);
}

double cpu_seconds_of(pid_t process)
{
    clockid_t id{};
    if (const int failed = clock_getcpuclockid(process, &id))
        throw std::system_error(failed, std::generic_category(), "clock_getcpuclockid");
    return read_clock(id);
}

double cpu_seconds()
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

double wall_seconds()
{
    return read_clock(CLOCK_MONOTONIC);
}

double resident_bytes()
{
    malloc_trim(0);
    std::ifstream statm("/proc/self/statm");
    double all = 0, resident = 0;
    statm >> all >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

std::string argument(int argc, char** argv, const std::string& name)
{
    for (int i = 1; i + 1 < argc; ++i)
        if (argv[i] == "--" + name)
            return argv[i + 1];
    throw std::invalid_argument("there is no argument --" + name);
}

std::string argument(int argc, char** argv, const std::string& name, const std::string& otherwise)
{
    for (int i = 1; i + 1 < argc; ++i)
        if (argv[i] == "--" + name)
            return argv[i + 1];
    return otherwise;
}

} // namespace acme::bench
