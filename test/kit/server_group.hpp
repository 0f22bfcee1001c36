#pragma once

#include "kit/pebble.hpp"
#include "kit/process.hpp"
#include "kit/relay.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace acme::test {

/// Processes of the example server on one etcd, behind a balancer at the port where the CA validates.
class server_group
{
public:
    /// `etcd` are the addresses of etcd's members; `arguments` are in addition to what all nodes get. Starts them.
    server_group(
        std::string program, const pebble& ca, std::vector<std::string> etcd, std::vector<std::string> arguments = {});
    server_group(const server_group&) = delete;
    server_group& operator=(const server_group&) = delete;

    static constexpr std::size_t size = 3;

    std::uint16_t port(std::size_t n) const { return nodes_[n]->port.number(); }
    process& server(std::size_t n) { return *nodes_[n]->running; }
    relay& balancer() { return *balancer_; }
    /// The balancer leaves that node alone.
    void take_out(std::size_t n);

    /// Returns once it listens; throws `std::runtime_error` where it does not.
    void start(std::size_t n);
    /// SIGKILL.
    void kill(std::size_t n) { server(n).kill(); }
    /// Its command line.
    std::vector<std::string> command(std::size_t n) const;

    /// What is between a node and etcd.
    void cut(std::size_t n);
    void stall(std::size_t n);
    void mend(std::size_t n);
    /// The requests to etcd so far, of all nodes.
    std::map<std::string, std::size_t> etcd_requests() const;

private:
    struct node
    {
        reserved_port port;
        std::vector<std::unique_ptr<relay>> to_etcd;
        std::optional<process> running;
    };

    std::vector<std::string> addresses_but(std::size_t n) const;

    std::string program_;
    const pebble& ca_;
    std::vector<std::string> arguments_;
    std::vector<std::unique_ptr<node>> nodes_;
    std::optional<relay> balancer_;
};

} // namespace acme::test
