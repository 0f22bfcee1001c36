#pragma once

#include <acme/client.hpp>
#include <acme/client_hello.hpp>
#include <acme/clock.hpp>
#include <acme/event.hpp>
#include <acme/renewal.hpp>
#include <acme/self_check.hpp>
#include <acme/transport.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace acme {

/// What a manager spends at most of a CA's patience. The defaults keep an unattended server below Let's Encrypt's
/// limits.
struct limits
{
    /// A token for each certificate order, for a new host or a refresh. An order waits for its token.
    rate requests{20, std::chrono::minutes(1)};
    /// A token for each host that has no certificate yet; refreshes are exempt. Without a token the host is refused
    /// (`errc::too_many_new_hosts`).
    rate new_hosts{20, std::chrono::hours(3)};
    /// The same for each registered domain (guessed: its last two labels, or three as in "example.co.uk"), where
    /// neither an allow-list nor `config::decide` nor the application's own request vouches for the host. Half of
    /// `new_hosts`, so that nobody takes all by a domain whose names all lead here; to have more hosts of one domain,
    /// vouch for them. Not saved.
    rate new_hosts_per_domain{10, std::chrono::minutes(202)};
    /// What the handshakes of one client (an IPv4 address, or an IPv6 network of 64 bits) may ask for of hosts without
    /// a certificate, where there is no allow-list. With `config::decide` a token comes back with the answer, yes or
    /// no: so many of a client's hosts may be under decision at a time. Not saved.
    rate new_hosts_per_client{10, std::chrono::minutes(1)};

    limits() = default;
    static limits off()
    {
        limits none;
        none.requests = rate::unlimited();
        none.new_hosts = rate::unlimited();
        none.new_hosts_per_domain = rate::unlimited();
        none.new_hosts_per_client = rate::unlimited();
        return none;
    }
};

/// Whether a certificate may be requested for a host of which there is none yet. Asked on behalf of handshakes; not
/// where there is an allow-list (`manager::set_hosts`), nor for refreshes, nor for what `async_get_certificate(host)`
/// asks for. Awaited on the manager's strand, so it must not block; an exception is a failure like one of the CA's.
using decision_function = std::function<boost::asio::awaitable<bool>(std::string host, client_hello hello)>;

/// Every knob of a manager. All defaults work: `manager{executor}` uses Let's Encrypt with an anonymous account.
struct config
{
    /// The CA's RFC 8555 directory: `lets_encrypt`, `lets_encrypt_staging`, or any other https URL.
    std::string directory_url{lets_encrypt};
    /// How the CA's server is reached; `https.ca_file` is the trust anchor of a private CA. Not used where `transport`
    /// is set.
    https_options https;
    /// For CAs that demand it (RFC 8555 section 7.3.4).
    std::optional<external_account> external;
    /// An ACME profile's name; empty for the CA's default.
    std::string profile;

    acme::limits limits;
    /// The application's say on unknown hosts.
    decision_function decide;
    std::chrono::seconds decision_timeout{5};
    /// How long its yes and its no are remembered, and of how many hosts at most.
    std::chrono::seconds allow_lifetime{3'600};
    std::chrono::seconds deny_lifetime{300};
    std::size_t max_decisions = 10'000;
    /// How many domains and how many clients have a budget at a time; the one unused for longest is forgotten first.
    std::size_t max_budgets = 10'000;
    /// For handshakes' hosts that neither an allow-list nor `decide` vouches for. It needs a way from this machine to
    /// its own public address: behind a NAT without hairpinning, switch it off.
    self_check_options self_check;

    /// The longest that an order takes at the CA, from the first request to the download.
    std::chrono::seconds issuance_timeout{300};
    /// Issuances under way at a time; more wait in line.
    std::size_t max_issuances = 100;

    /// The longest that a handshake waits for a certificate (`errc::timed_out` afterwards; the issuance goes on).
    std::chrono::seconds handshake_wait{30};
    /// Who waits for a certificate at a time, in handshakes or by `async_get_certificate`: for one host, and in all. As
    /// many issuances may be under way or in line, half as many of them for hosts that nobody has vouched for yet.
    std::size_t max_waiters_per_host = 1'000;
    std::size_t max_waiters = 10'000;
    /// The same for the handshakes of one client (an IPv4 address, or an IPv6 network of 64 bits), where its address is
    /// known. Behind a balancer that hides the clients' addresses this holds for all of them together.
    std::size_t max_waiters_per_client = 1'000;
    /// How many handshakes are refused in a second without a wait. One more is told when its turn has come, after 200
    /// ms at most, so that clients which wait for one answer before they ask for the next junk name leave the processor
    /// to others. 0: all without a wait.
    unsigned max_refusals_per_second = 1'000;
    /// Hosts whose failure is remembered at a time; those that may be tried again first are forgotten first.
    std::size_t max_failures = 10'000;
    /// The kinds of challenge that orders may use, the preferred first: "tls-alpn-01" (RFC 8737), which needs port 443
    /// of the hosts, and "http-01" (RFC 8555 section 8.3), which needs their port 80. Empty: tls-alpn-01, and http-01
    /// where HTTP is served (`async_serve`, or `manager::answering_http_challenges`). Either way the kind that
    /// succeeded last for a host comes first, and one whose validation failed last comes last in the next attempt.
    std::vector<std::string> challenge_types;
    /// How long a challenge is still answered after its authorization became final.
    std::chrono::seconds challenge_grace{10};

    /// How many certificates are kept in memory, where there is a store that has the others: those that are asked for
    /// often. The rest is loaded while the handshake waits. 0: all.
    std::size_t max_resident = 0;
    /// Hosts whose certificates always stay in memory, and are loaded first; in lower case, without a trailing dot.
    std::set<std::string> pinned_hosts;

    /// Whose certificate a client is shown that asks for no host, or for one that is refused a certificate (see
    /// `async_handshake`): a host with a certificate at hand, its own (`manager::add_certificate`) or a managed one; in
    /// lower case, without a trailing dot. Empty, or none at hand: the handshake fails, with an alert.
    std::string default_host;

    event_sink on_event;

    /// Injected by tests; the system's where empty.
    std::shared_ptr<acme::clock> clock;
    random_source random;
    std::shared_ptr<acme::transport> transport;

    config() = default;
};

} // namespace acme
