#pragma once

#include "kit/process.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace acme::bench {

/// A server in a process of its own.
class server_process
{
public:
    /// Returns when it accepts connections; throws `std::runtime_error` where it does not come to that.
    explicit server_process(std::vector<std::string> command);

    std::uint16_t port() const noexcept { return port_; }
    double cpu_seconds() const;
    /// Returns once it has all certificates.
    void wait_until_loaded() const;
    /// Ends it in an orderly manner.
    void end();

    /// What it has counted so far.
    struct report
    {
        unsigned long requests = 0;
        unsigned long good = 0;
        double good_seconds = 0;
        unsigned long bad = 0;
    };
    report ask();

private:
    test::process process_;
    std::uint16_t port_ = 0;
    unsigned reports_ = 0;
};

} // namespace acme::bench
