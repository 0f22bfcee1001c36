#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace acme::test {

/// A TCP relay with a thread of its own: the network between two, to be cut; or a balancer.
class relay
{
public:
    /// `target` is "127.0.0.1:<port>".
    explicit relay(const std::string& target);
    /// Listens at that port (0: a free one). Connections go to one target after the other. Where there are several, one
    /// that refuses a connection, or ends it without an answer, is replaced by the next.
    explicit relay(const std::vector<std::string>& targets, std::uint16_t port = 0);
    ~relay();
    relay(const relay&) = delete;
    relay& operator=(const relay&) = delete;

    /// "127.0.0.1:<port>"
    std::string address() const;

    /// Ends all connections, and each new one at once.
    void cut();
    /// Keeps connections open, and all that is sent on them to itself, until it is mended.
    void stall();
    void mend();
    /// Where new connections go.
    void aim(const std::vector<std::string>& targets);

    /// Connections so far.
    std::size_t connections() const;
    /// HTTP requests so far, by their targets.
    std::map<std::string, std::size_t> requests() const;

private:
    struct state;
    std::unique_ptr<state> state_;
};

} // namespace acme::test
