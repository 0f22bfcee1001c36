#pragma once

#include "kit/process.hpp"

#include <boost/test/tree/decorator.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace acme::test {

struct pebble_options
{
    bool strict = false;
    /// The percentage of good nonces that it refuses; Pebble's default of 5 where empty.
    std::optional<unsigned> nonce_reject;
    /// Random sleeps of up to 5 s before a validation, as is Pebble's default.
    bool sleeps = false;
    /// How often a valid authorization is used again, in percent.
    unsigned authorization_reuse = 0;
    /// Alternate chains.
    unsigned alternate_roots = 0;
    /// Intermediates; Pebble's default of 1 where empty.
    std::optional<unsigned> chain_length;
    std::chrono::seconds validity = std::chrono::hours(24 * 90);
    bool external_account_required = false;
    /// Key identifiers and MAC keys in base64url.
    std::map<std::string, std::string> external_accounts;
    std::vector<std::string> blocked_domains;
    /// Whether challtestsrv answers http-01 challenges; otherwise the port is left to the test.
    bool answers_http_01 = true;

    pebble_options() = default;
};

/// Pebble, the ACME CA for tests, with pebble-challtestsrv as its DNS: every name is at 127.0.0.1. Both listen on free
/// loopback ports. Knows Pebble 2.4 to 2.10.
class pebble
{
public:
    /// Returns once the CA answers. Throws `std::runtime_error` with the logs where it does not start.
    explicit pebble(pebble_options options = {});
    ~pebble();

    std::string directory_url() const;
    /// What the CA's own HTTPS server is trusted by.
    std::filesystem::path ca_file() const;
    /// The root of the certificates that it issues; `n` of 1 and more are the alternate ones.
    std::filesystem::path root_file(unsigned n = 0) const;

    /// Where it connects for tls-alpn-01 and http-01. The latter is answered by challtestsrv, unless
    /// it is told otherwise; the former by nobody yet.
    std::uint16_t tls_port() const;
    std::uint16_t http_port() const;

    /// Ends the CA, which forgets everything; starts it again on the same ports, with other roots.
    void stop();
    void start();

    /// What the CA has logged since it was last started.
    std::string log() const;
    /// How often that has `text`.
    std::size_t count_in_log(std::string_view text) const;
    /// newOrder requests that it accepted since it was last started.
    std::size_t orders() const;
    /// "Valid" or "Revoked"; empty for a serial number (hexadecimal) that it does not know.
    std::string certificate_status(const std::string& serial) const;

    /// The name's DNS answers become SERVFAIL, until cleared.
    void set_servfail(const std::string& host);
    void clear_servfail(const std::string& host);
    /// Answers http-01 challenges.
    void add_http01(const std::string& token, const std::string& key_authorization);

private:
    struct setup;
    void tell(const std::string& path, const std::string& json);

    pebble_options options_;
    std::unique_ptr<setup> setup_;
};

/// A precondition of test cases: Pebble and the clients are installed. Elsewhere they are skipped, but never where the
/// environment has CI.
boost::unit_test::decorator::precondition needs_pebble();

} // namespace acme::test
