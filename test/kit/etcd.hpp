#pragma once

#include "kit/process.hpp"

#include <boost/test/tree/decorator.hpp>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace acme::test {

struct etcd_setup
{
    std::size_t members = 1;
    /// The members' certificate and key, and whom they trust as a client; no TLS where empty.
    std::filesystem::path certificate_file;
    std::filesystem::path key_file;
    std::filesystem::path client_ca_file;
    /// In addition to the members' arguments.
    std::vector<std::string> arguments;

    etcd_setup() = default;
    explicit etcd_setup(std::size_t n)
        : members(n)
    {}
};

/// etcd's members, on free loopback ports, with elections that take no more than a second. Knows etcd 3.4 and 3.5.
class etcd_cluster
{
public:
    /// Returns once each member answers. Throws `std::runtime_error` with the logs where they do not start.
    explicit etcd_cluster(etcd_setup setup = etcd_setup());
    ~etcd_cluster();

    std::size_t size() const;
    /// "http://127.0.0.1:<port>", or https.
    std::string endpoint(std::size_t member) const;
    std::vector<std::string> endpoints() const;
    /// "127.0.0.1:<port>"
    std::string address(std::size_t member) const;

    /// SIGKILL; and starts it again with what it had on its disk, or with nothing.
    void kill(std::size_t member);
    void erase_disk(std::size_t member);
    void start(std::size_t member);
    /// The same of several at once, where one alone would not answer.
    void start(const std::vector<std::size_t>& members);
    /// SIGSTOP and SIGCONT.
    void freeze(std::size_t member);
    void thaw(std::size_t member);
    std::size_t leader() const;

    /// POST to the gateway: the answer's body, whatever it is. Not with TLS.
    std::string call(const std::string& path, const std::string& json, std::size_t member = 0) const;
    /// The same with a token.
    std::string call_as(const std::string& token, const std::string& path, const std::string& json) const;
    /// Demands the user root with this password from now on.
    void enable_authentication(const std::string& password);
    /// Forgets all older revisions.
    void compact();

private:
    struct member;
    void wait_until_it_answers(std::size_t n);

    etcd_setup setup_;
    std::vector<std::unique_ptr<member>> members_;
};

/// A precondition of test cases: etcd and curl are installed. Elsewhere they are skipped, but never where the
/// environment has CI.
boost::unit_test::decorator::precondition needs_etcd();

} // namespace acme::test
