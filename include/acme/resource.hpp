#pragma once

#include <acme/error.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The resources of RFC 8555 section 7.1 as plain values. URLs that requests are sent to are as the CA gave them, byte
/// for byte, and have been checked to be absolute https URLs of at most 2,048 octets. Texts for people are stripped of
/// control characters and cut to 2,048 octets.
namespace acme {

using time_point = std::chrono::system_clock::time_point;

/// RFC 8555 section 7.1.1. A URL that the CA does not offer is empty.
struct directory
{
    std::string new_nonce;
    std::string new_account;
    std::string new_order;
    std::string revoke_cert;
    std::string key_change;
    /// RFC 9773.
    std::string renewal_info;

    /// For people to read; not always https, and at a test CA not even a page.
    std::string terms_of_service;
    std::string website;
    /// What a CAA record has to name for this CA to issue (RFC 8659). At most 100.
    std::vector<std::string> caa_identities;
    bool external_account_required = false;
    /// Profile name to description (draft-ietf-acme-profiles). At most 100.
    std::map<std::string, std::string> profiles;
};

enum class account_status
{
    valid,
    deactivated,
    revoked
};

/// RFC 8555 section 7.1.2.
struct account
{
    /// The account URL: the "kid" of every later request, and what a CAA record's accounturi names.
    std::string url;
    account_status status = account_status::valid;
    std::vector<std::string> contact;
    bool terms_of_service_agreed = false;
    std::string orders;
    /// Whether the CA made it now (201) or had it already (200).
    bool created = false;
};

enum class order_status
{
    pending,
    ready,
    processing,
    valid,
    invalid
};

/// RFC 8555 section 7.1.3.
struct order
{
    std::string url;
    order_status status = order_status::pending;
    std::optional<time_point> expires;
    /// In whatever sequence and case the CA sends them: compare them as a set. At most 200.
    std::vector<identifier> identifiers;
    /// URLs, in no particular sequence and at most 200. Some CAs leave them out once none is pending.
    std::vector<std::string> authorizations;
    /// Where the CSR goes. May be empty once `status` is past ready.
    std::string finalize;
    /// Set when `status` is valid.
    std::string certificate;
    /// Set when `status` is invalid, by most CAs.
    std::optional<acme::problem> error;
    /// As the CA echoes them; it may leave them out, or hand out an older order that has others.
    std::string profile;
    std::string replaces;
    /// The answer's Retry-After as a duration from the answer on, not yet clamped to what a poll waits.
    std::optional<std::chrono::seconds> retry_after;
};

enum class authorization_status
{
    pending,
    valid,
    invalid,
    deactivated,
    expired,
    revoked
};

enum class challenge_status
{
    pending,
    processing,
    valid,
    invalid
};

/// RFC 8555 section 7.1.5 and 8.
struct challenge
{
    /// "http-01", "dns-01", "tls-alpn-01", or a type that this library does not know.
    std::string type;
    std::string url;
    challenge_status status = challenge_status::pending;
    /// base64url, 22 to 256 characters; empty where the type has none or where it is malformed (such a challenge can't
    /// be answered).
    std::string token;
    /// Why the validation failed; some CAs set it while `status` is still processing (RFC 8555 section 8.2).
    std::optional<acme::problem> error;
};

/// RFC 8555 section 7.1.4.
struct authorization
{
    std::string url;
    /// Without "*." where `wildcard` is true.
    acme::identifier identifier;
    authorization_status status = authorization_status::pending;
    std::optional<time_point> expires;
    bool wildcard = false;
    /// At most 64.
    std::vector<challenge> challenges;
    /// As in `order`.
    std::optional<std::chrono::seconds> retry_after;
};

/// RFC 9773 section 4.2: when the CA suggests that a certificate is replaced. `start` is before `end`.
struct renewal_info
{
    time_point start{};
    time_point end{};
    /// A page that says why the window was moved; for people. May be empty.
    std::string explanation_url;
    /// The answer's Retry-After: when the CA wants to be asked again.
    std::optional<std::chrono::seconds> retry_after;
};

/// RFC 8555 section 7.6 (RFC 5280 section 5.3.1).
enum class revocation_reason
{
    unspecified = 0,
    key_compromise = 1,
    affiliation_changed = 3,
    superseded = 4,
    cessation_of_operation = 5
};

/// The statuses as RFC 8555 spells them ("pending", "ready", ...).
std::string_view to_string(order_status s) noexcept;
std::string_view to_string(authorization_status s) noexcept;
std::string_view to_string(challenge_status s) noexcept;
std::string_view to_string(account_status s) noexcept;

} // namespace acme
