#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace acme {

/// What went wrong. The first group is RFC 8555 section 6.7's registry of problem types (with RFC 9773's and the
/// profiles draft's additions) in snake case; the second is this library's own.
///
/// An `errc` converts to `boost::system::error_code` in the category "acme".
enum class errc
{
    account_does_not_exist = 1,
    already_replaced,
    already_revoked,
    bad_csr,
    bad_nonce,
    bad_public_key,
    bad_revocation_reason,
    bad_signature_algorithm,
    caa,
    compound,
    conflict,
    connection,
    dns,
    external_account_required,
    incorrect_response,
    invalid_contact,
    invalid_profile,
    malformed,
    order_not_ready,
    rate_limited,
    rejected_identifier,
    server_internal,
    tls,
    unauthorized,
    unsupported_contact,
    unsupported_identifier,
    user_action_required,

    /// The CA answered with an HTTP error whose problem type is absent or not known here.
    unknown_problem = 100,
    /// The answer is not what RFC 8555 prescribes: not JSON, a member missing or of a wrong type, an unknown status,
    /// a URL that is not https, ...; `error::what()` names the step and what came.
    unexpected_answer,
    /// The answer's header or body exceeds what this library reads.
    answer_too_large,
    /// A time limit of `config` passed.
    timed_out,
    /// The CA declared the order invalid; `error::problem()` says why.
    order_invalid,
    /// The CA declared an authorization invalid; `error::problem()` is the failed challenge's.
    authorization_invalid,
    /// The CA offers no challenge type for the name that can be answered here.
    no_usable_challenge,
    /// The issued certificate does not match its order (key, names, dates, chain); it is not used.
    certificate_rejected,
    /// Not a host name for which a public CA can issue: syntax, length, IP literal, single label, wildcard, ...
    invalid_host_name,
    /// The host is not in the allow-list (`manager::set_hosts`).
    host_not_allowed,
    /// The manager has a store already (`manager::async_use_store`).
    second_store,
    /// There is no certificate for this host (`manager::async_revoke`).
    no_certificate,
    /// The last attempt for this host failed not long ago; `error::retry()` says when the next is allowed.
    recently_failed,
    /// `limits::new_hosts`, or the budget of the host's domain or of the client, is used up; `error::retry()` says when
    /// the next new host is allowed.
    too_many_new_hosts,
    /// The name does not lead to this manager (`self_check_options`), so the CA is not asked.
    self_check_failed,
    /// More handshakes wait for certificates than `config` allows.
    too_many_waiters,
    /// The terms-of-service prompt was answered with no.
    terms_refused,
    /// This connection was a CA's tls-alpn-01 validation; it was answered and is to be closed.
    challenge_answered,
    /// The ClientHello names no host (no SNI), so there is no certificate for it.
    no_server_name,
    /// Saved state that does not parse or fails its checksum.
    damaged_state,
    /// A file that is not this library's saved state at all, or a newer version's.
    foreign_state,
    /// The lock under which something was to be written is no longer held (`store::async_guarded_save`); nothing was
    /// written.
    lock_lost,
    /// No server of the store gives an answer that can be used; `error::what()` names them and says why.
    store_unavailable,
    /// The manager was shut down or destroyed.
    shut_down
};

/// The category "acme" of `errc`. Its messages are sentences for people.
const boost::system::error_category& acme_category() noexcept;

boost::system::error_code make_error_code(errc e) noexcept;

/// The `errc` of an RFC 8555 problem type such as "urn:ietf:params:acme:error:badNonce"; `errc::unknown_problem` for
/// others.
errc errc_from_type(std::string_view problem_type) noexcept;

/// An identifier: what a certificate is for (RFC 8555 section 9.7.7). `type` is "dns" or "ip" (RFC 8738).
struct identifier
{
    std::string type;
    std::string value;

    identifier() = default;
    identifier(std::string type_, std::string value_)
        : type(std::move(type_))
        , value(std::move(value_))
    {}

    friend bool operator==(const identifier&, const identifier&) = default;
    friend auto operator<=>(const identifier&, const identifier&) = default;
};

/// One entry of a problem document's "subproblems" (RFC 8555 section 6.7.1).
struct subproblem
{
    std::string type;
    std::string detail;
    /// As the CA wrote it, cleaned like the texts; compare it before relying on it.
    std::optional<acme::identifier> identifier;
};

/// A problem document (RFC 7807 as profiled by RFC 8555 section 6.7): what the CA says is wrong.
/// All texts that came from a CA are stripped of control characters and cut to 2,048 octets, so they are fit for a log.
struct problem
{
    std::string type;
    std::string title;
    std::string detail;
    std::string instance;
    /// The HTTP status of the answer (of the "status" member where the problem is part of an object).
    unsigned status = 0;
    /// At most 100.
    std::vector<subproblem> subproblems;
    /// badSignatureAlgorithm: the algorithms that the CA accepts.
    std::vector<std::string> algorithms;
    /// The answer's Retry-After, already turned into a point in time and clamped to at most 30 days ahead.
    std::optional<std::chrono::system_clock::time_point> retry_after;

    errc code() const noexcept { return errc_from_type(type); }
    /// One line for a person: HTTP status, type, detail, instance, and every subproblem with its identifier.
    std::string describe() const;
};

/// The answer to the one question that matters after a failure: is it worth trying again, and when?
struct retry_advice
{
    enum class kind
    {
        /// Not until somebody changes something: the configuration, the DNS, the account.
        never,
        /// Not before `not_before`.
        at,
        /// At once is fine.
        now
    };

    kind when = kind::now;
    std::chrono::system_clock::time_point not_before{};

    static retry_advice never() noexcept { return retry_advice(kind::never, {}); }
    static retry_advice now() noexcept { return retry_advice(kind::now, {}); }
    static retry_advice at(std::chrono::system_clock::time_point t) noexcept { return retry_advice(kind::at, t); }

    retry_advice() = default;
    retry_advice(kind k, std::chrono::system_clock::time_point t) noexcept
        : when(k)
        , not_before(t)
    {}

    friend bool operator==(const retry_advice&, const retry_advice&) = default;
};

/// The exception that this library's awaitables throw. `code()` is an `errc`, or a system, resolver or TLS error where
/// the network failed (`boost::asio::error::operation_aborted` after cancellation). `what()` is one line for a person,
/// without control characters: which step, for which host, what went wrong, what the CA answered, and when the next
/// attempt may be.
class error : public boost::system::system_error
{
public:
    /// `step` names the ACME operation in words such as "newOrder" or "TLS connection to the CA"; it must not be
    /// hostile text. `explanation` may be.
    error(boost::system::error_code ec, std::string step, std::string explanation = {});
    error(boost::system::error_code ec, std::string step, acme::problem p, std::string explanation = {});

    const char* what() const noexcept override { return what_.c_str(); }

    /// What the CA answered, where it did.
    const std::optional<acme::problem>& problem() const noexcept { return problem_; }
    /// The step that failed.
    const std::string& step() const noexcept { return step_; }
    /// The host the step was for; empty where it was for none.
    const std::string& host() const noexcept { return host_; }
    /// When to try again.
    const retry_advice& retry() const noexcept { return retry_; }
    /// The text given to the constructor.
    const std::string& explanation() const noexcept { return explanation_; }

    /// Copies of this error with a host, or an advice, added.
    error with_host(std::string host) const;
    error with_retry(retry_advice advice) const;

private:
    void compose();

    std::string step_;
    std::string explanation_;
    std::string host_;
    std::optional<acme::problem> problem_;
    retry_advice retry_;
    std::string what_;
};

} // namespace acme

template <>
struct boost::system::is_error_code_enum<acme::errc> : std::true_type
{};
