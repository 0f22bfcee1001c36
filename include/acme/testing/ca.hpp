#pragma once

#include <acme/clock.hpp>
#include <acme/error.hpp>
#include <acme/testing/fault.hpp>
#include <acme/transport.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A CA in the process, for tests of whatever uses one.
namespace acme::testing {

using time_point = std::chrono::system_clock::time_point;

/// What a CA looks at when it validates a challenge (RFC 8555 section 8).
struct validation
{
    acme::identifier identifier;
    /// "http-01", "tls-alpn-01" or "dns-01".
    std::string type;
    std::string token;
    std::string key_authorization;

    validation() = default;
};

/// What a certificate is going to say.
struct leaf_contents
{
    /// Host names and IP addresses.
    std::vector<std::string> names;
    time_point not_before{};
    time_point not_after{};
    /// Big-endian octets, without a sign; random by default.
    std::string serial;
    bool ca = false;
    /// The extended key usages.
    bool server_auth = true;
    bool client_auth = false;

    leaf_contents() = default;
};

/// When the CA suggests to replace a certificate (RFC 9773 section 4.2).
struct renewal_window
{
    time_point start{};
    time_point end{};
    std::string explanation_url;

    renewal_window() = default;
    renewal_window(time_point start_, time_point end_, std::string explanation_url_ = {})
        : start(start_)
        , end(end_)
        , explanation_url(std::move(explanation_url_))
    {}
};

/// draft-ietf-acme-profiles.
struct profile
{
    std::string description;
    /// Zero: that of the options.
    std::chrono::seconds lifetime{0};

    profile() = default;
    profile(const char* description_)
        : description(description_)
    {}
    profile(std::string description_, std::chrono::seconds lifetime_)
        : description(std::move(description_))
        , lifetime(lifetime_)
    {}
};

struct account_record
{
    std::string url;
    /// The public key as RFC 7638 hashes it.
    std::string jwk;
    std::string status = "valid";
    std::vector<std::string> contact;

    account_record() = default;
};

struct challenge_record
{
    std::string type;
    std::string token;
    std::string status = "pending";
    /// What was wrong: a problem type of RFC 8555 without its prefix, and its detail.
    std::string error_type;
    std::string error;

    challenge_record() = default;
};

struct authorization_record
{
    std::string url;
    std::string account;
    /// Without "*." where `wildcard` is true.
    acme::identifier identifier;
    bool wildcard = false;
    std::string status = "pending";
    std::vector<challenge_record> challenges;
    time_point expires{};
    /// How many fetches still show it pending.
    unsigned polls_left = 0;

    authorization_record() = default;
};

struct order_record
{
    std::string url;
    std::string account;
    std::string status = "pending";
    std::vector<identifier> identifiers;
    std::vector<std::string> authorizations;
    std::string profile;
    /// RFC 9773 section 5.
    std::string replaces;
    /// The certificate's URL.
    std::string certificate;
    std::string error_type;
    std::string error;
    time_point expires{};
    /// DER of the certificate's SubjectPublicKeyInfo, once it is known.
    std::string public_key;
    /// How many fetches still show it processing.
    unsigned polls_left = 0;
    fault::flaw flaw = fault::flaw::none;
    std::vector<std::string> wrong_names;

    order_record() = default;
};

struct certificate_record
{
    std::string url;
    std::string account;
    /// The order that it was issued for, and the one that replaces it.
    std::string order;
    std::string replaced_by;
    std::vector<std::string> names;
    time_point not_before{};
    time_point not_after{};
    std::string leaf_pem;
    std::string leaf_der;
    /// The certID of RFC 9773 section 4.1.
    std::string renewal_id;
    /// In place of the options' window.
    std::optional<renewal_window> window;
    /// The reason (RFC 5280 section 5.3.1).
    std::optional<int> revoked;
    /// DER of its SubjectPublicKeyInfo.
    std::string public_key;

    certificate_record() = default;
};

/// Every knob of a `ca`. All defaults work, and make it quick and kind.
struct ca_options
{
    /// What its URLs begin with, for the door without a network.
    std::string origin = "https://ca.test";
    /// The CA's wall clock; the system's where empty.
    std::shared_ptr<acme::clock> clock;

    /// New accounts have to agree to the terms of service.
    bool require_agreement = true;
    /// Key identifier to raw MAC key; demanded of new accounts where it is not empty (RFC 8555 section 7.3.4).
    std::map<std::string, std::string> external_accounts;
    /// What is offered; a wildcard is offered dns-01 only.
    std::vector<std::string> challenge_types{"http-01", "tls-alpn-01", "dns-01"};
    /// By name; an order without one gets the CA's default.
    std::map<std::string, profile> profiles;

    /// Where validations connect to, whatever the name says; challenges of a type without an endpoint fail then.
    std::optional<boost::asio::ip::tcp::endpoint> tls_alpn_01;
    std::optional<boost::asio::ip::tcp::endpoint> http_01;
    /// The same by name; asked first.
    std::function<std::optional<boost::asio::ip::tcp::endpoint>(const validation&)> resolve;
    /// For one validation, by the real clock.
    std::chrono::steady_clock::duration validation_timeout = std::chrono::seconds(5);
    /// Says, in place of connecting, what is wrong with a validation; nothing where all is well. Where neither this nor
    /// an endpoint nor `resolve` is set, all validations succeed.
    std::function<std::optional<std::string>(const validation&)> validate;

    /// How many fetches still show an authorization pending after its challenge was responded to. (Not where it
    /// connects.)
    unsigned validation_polls = 0;
    /// How many fetches still show an order processing after it was finalized. None: the answer to finalize shows it
    /// valid.
    unsigned issuance_polls = 0;
    /// The Retry-After of answers that show something unfinished, in either form; none where empty.
    std::string retry_after;
    /// Names validated once need no further validation.
    bool reuse_authorizations = false;
    std::chrono::seconds authorization_lifetime = std::chrono::hours(24 * 30);
    /// An order which is not finalized by then becomes invalid.
    std::chrono::seconds order_lifetime = std::chrono::hours(24 * 7);

    /// From the CA's now on; a certificate is backdated by `backdated`.
    std::chrono::seconds lifetime = std::chrono::hours(24 * 90);
    std::chrono::seconds backdated = std::chrono::hours(1);
    /// Changes what the next certificates say.
    std::function<void(leaf_contents&)> on_issue;
    /// Other roots under which each chain can be had as well (Link rel="alternate", section 7.4.2).
    unsigned alternate_chains = 1;

    /// Whether there is renewal information (RFC 9773).
    bool renewal_info = true;
    /// Its Retry-After; none where empty.
    std::string renewal_retry_after = "21600";
    /// The window of a certificate that has none of its own and is not revoked. Where this is empty: two days around
    /// the point at which two thirds of the lifetime are over, within the certificate's validity.
    std::function<renewal_window(const certificate_record&)> window;

    /// Whether `ca::requests` grows.
    bool keep_requests = true;

    ca_options() = default;
};

/// All that a CA knows, by URL.
struct ca_state
{
    ca_options options;
    std::map<std::string, account_record> accounts;
    std::map<std::string, authorization_record> authorizations;
    std::map<std::string, order_record> orders;
    std::map<std::string, certificate_record> certificates;
    /// How many validations were made.
    std::size_t validations = 0;

    ca_state() = default;
};

/// A CA as RFC 8555 has it, in the process of the test: strict about what it is asked, real in what it issues. Accounts
/// (with external bindings, key change and deactivation), orders, authorizations (reused or deactivated), certificates
/// under a root of its own with alternate chains, revocation, profiles, and renewal information (RFC 9773). Account
/// keys may be P-256, P-384 or RSA.
///
/// It has two doors. `transport()` is one without a network, for `config::transport` or `client_options::transport`:
/// with a `manual_clock`, months pass in seconds. `listen()` opens one on a loopback port, over HTTPS: for programs
/// that are to be tested with all that they have. A user's test in full is examples/testing_a_server.cpp.
///
/// It validates challenges where `ca_options` says how: it connects, for tls-alpn-01 (RFC 8737) and http-01 (RFC 8555
/// section 8.3; redirects are not followed), to an endpoint of the test's choice whatever the name, or asks a function.
///
/// What goes wrong is told in advance, a line a fault:
///
///     ca.inject(at(step::finalize).nth(2).times(3), fault::rate_limited(std::chrono::minutes(2)));
///
/// Not there: rate limits, CAA, pre-authorization, the list of an account's orders, dns-01 by DNS.
///
/// Thread safety: all members but `state` may be called from any thread. Functions in the options are called from
///     whichever thread a request comes in, one at a time, and may use the CA.
/// Errors: the constructor throws `std::bad_alloc` only; `listen` a `boost::system::system_error`. Whatever comes in as
///     a request is answered.
/// Cancellation: terminal, of an exchange at the first door.
/// Lifetime: the doors may outlive the CA: exchanges that begin then fail with `connection_refused`. Destroying it
///     closes its connections.
class ca
{
public:
    explicit ca(ca_options options = ca_options());
    ~ca();
    ca(const ca&) = delete;
    ca& operator=(const ca&) = delete;

    /// The URL to configure.
    std::string directory_url() const;

    /// A trust anchor: the certificates it issues, and its own HTTPS server's, end there. PEM, valid from 2000 to 2099.
    /// `n` from 1 on are those of the alternate chains.
    const std::string& root_pem(std::size_t n = 0) const;

    /// The door without a network. Exchanges complete on the executor they are awaited on.
    std::shared_ptr<acme::transport> transport();

    /// One exchange of that door, at once. Throws `acme::error` where a fault of the network befalls it
    /// (`connection_reset`, `eof`, and `errc::timed_out` for a stall). Challenges are validated by a function, or
    /// succeed.
    https_response answer(const https_request& request);

    /// The door on the network: HTTPS and HTTP/1.1 at `where`, by default a port of 127.0.0.1 that the system chooses.
    /// It is open on return, and served by `executor`, which may have several threads. All URLs of the CA are this
    /// door's from now on, so open it before the first request. Once for each CA.
    void listen(boost::asio::any_io_executor executor,
        boost::asio::ip::tcp::endpoint where = {boost::asio::ip::address_v4::loopback(), 0});

    /// Closes the door on the network and its connections, soon. Without it, `io_context::run` does not return.
    void close();

    void inject(at when, fault what);
    void clear_faults();

    /// All requests so far, in order.
    std::vector<request_record> requests() const;
    void clear_requests();
    std::size_t count(step s) const;
    std::size_t count(step s, unsigned status) const;

    /// Sets the window of every certificate for this name (RFC 9773).
    void set_renewal_window(std::string_view name, renewal_window window);

    /// What the CA knows, to be looked at and changed: forget an account, let an order become invalid. Only while no
    /// request is being answered in another thread; see `change`.
    ca_state& state() noexcept;
    const ca_state& state() const noexcept;
    /// The same under the CA's lock.
    void change(const std::function<void(ca_state&)>& f);

private:
    class model;
    class door;
    std::shared_ptr<model> model_;
    std::shared_ptr<acme::transport> transport_;
};

} // namespace acme::testing
