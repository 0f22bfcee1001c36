#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

/// What the benchmarks measure with, and how they say it.
namespace acme::bench {

/// A line "figure NAME VALUE".
void print_figure(const char* name, double value);

/// The line that says on what the figures were taken.
void print_heading(const char* what);

double median(std::vector<double> values);

/// Keeps this process, and the threads that it starts from now on, on one core. Nothing where there is no such core.
void stay_on_core(unsigned core);
inline constexpr unsigned server_core = 0;
inline constexpr unsigned client_core = 1;

/// CPU time of a whole process, which may have ended threads.
double cpu_seconds_of(pid_t process);
double cpu_seconds();

double wall_seconds();

/// Resident octets of this process, once what is free has gone back to the system.
double resident_bytes();

/// "--name value" arguments; throws `std::invalid_argument` without a value for it.
std::string argument(int argc, char** argv, const std::string& name);
std::string argument(int argc, char** argv, const std::string& name, const std::string& otherwise);

} // namespace acme::bench
