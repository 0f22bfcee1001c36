#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace acme::test {

/// A TCP relay to one address, with a thread of its own: the network between two, to be cut.
class relay
{
public:
    /// `target` is "127.0.0.1:<port>".
    explicit relay(const std::string& target);
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

    /// Connections so far.
    std::size_t connections() const;

private:
    struct state;
    std::unique_ptr<state> state_;
};

} // namespace acme::test
