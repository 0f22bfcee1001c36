#pragma once

#include "protocol/limit.hpp"
#include "protocol/renewal_plan.hpp"
#include "store/archive.hpp"

#include <acme/certificate.hpp>
#include <acme/error.hpp>
#include <acme/key.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace acme {

struct account_record
{
    key private_key;
    /// Empty until the CA has confirmed the account.
    std::string url;
};

struct certificate_record
{
    certificate_ptr certificate;
    /// Saved without its polls: a write each time that the CA was asked in vain would be too dear.
    renewal_plan plan;
    /// What the last refresh failed with, for people; empty where it did not.
    std::string last_problem;
    /// The kind of challenge by which the host was validated last; empty where that is not known.
    std::string challenge;
    /// The kind whose validation failed last since the certificate was obtained; empty where none did.
    std::string failed_challenge;
};

/// An order that was, or is about to be, finalized with this key.
struct order_record
{
    std::string url;
    key certificate_key;
    /// How often it was taken up again.
    unsigned attempts = 0;
};

/// Why nothing is asked of the CA for a while.
struct pause_record
{
    std::chrono::system_clock::time_point until{};
    /// Failures in a row.
    unsigned count = 0;
    /// What the last one was, for people.
    std::string why;
    /// When it was.
    std::chrono::system_clock::time_point since{};
    /// For a host: the kind of challenge whose validation failed last; empty where none did.
    std::string failed_challenge;
    /// For a host: the self-check failed, the CA was not asked.
    bool unreachable = false;
};

/// How many domains' pauses are remembered.
inline constexpr std::size_t max_pauses = 1'000;

/// Whether a pause is not over yet. A clock that was set back since it began makes an end of it.
bool in_force(const pause_record& p, std::chrono::system_clock::time_point now) noexcept;

/// The token buckets' fill, and what the CA's own limits hold back.
struct limit_record
{
    token_bucket::saved requests;
    token_bucket::saved new_hosts;
    /// By registered domain; "" is the whole account.
    std::map<std::string, pause_record> pauses;
};

/// Everything that is saved, as plain values.
struct state
{
    std::optional<account_record> account;
    std::optional<std::set<std::string>> hosts;
    std::optional<limit_record> limits;
    std::map<std::string, certificate_record> certificates;
    std::map<std::string, order_record> orders;
    /// The negative cache: hosts without a certificate whose last issuance failed.
    std::map<std::string, pause_record> failures;
};

/// Remembers a host's failure, among at most `limit`; forgets some hosts for it whose pauses end first, and returns
/// those that may have been saved: not the unreachable ones.
std::vector<std::string> remember_failure(state& s, const std::string& host, pause_record p, std::size_t limit);

/// The pause that the CA's limits impose on a host, its own negative cache aside; null where there is none at `now`.
const pause_record* find_pause(const state& s, std::string_view host, std::chrono::system_clock::time_point now);

/// Adds the pauses that are in force and end later than those known; whether there were any.
bool add_pauses(
    limit_record& to, const std::map<std::string, pause_record>& pauses, std::chrono::system_clock::time_point now);

/// The span of a certificate's validity, for its plan.
validity validity_of(const certificate& c) noexcept;

/// Takes a token from one of the state's buckets: zero when it was taken, else how long it is until there is one.
std::chrono::system_clock::duration take_token(
    state& s, token_bucket::saved limit_record::* which, const rate& pace, std::chrono::system_clock::time_point now);

/// The names of a state's objects in a store. All but the hosts belong to one CA, so each carries its directory.
class state_keys
{
public:
    explicit state_keys(std::string_view directory_url);

    const std::string& prefix() const noexcept { return prefix_; }
    std::string account() const { return prefix_ + "account"; }
    std::string limits() const { return prefix_ + "limits"; }
    std::string certificate(const std::string& host) const { return prefix_ + "certificates/" + host; }
    std::string order(const std::string& host) const { return prefix_ + "orders/" + host; }
    std::string failure(const std::string& host) const { return prefix_ + "failures/" + host; }
    /// Of a validation that is pending; no part of the state.
    std::string challenge(const std::string& host) const { return prefix_ + "challenges/" + host; }
    static std::string hosts() { return "hosts"; }

private:
    std::string prefix_;
};

std::string encode(const account_record& r);
std::string encode(const certificate_record& r);
std::string encode(const order_record& r);
std::string encode(const limit_record& r);
std::string encode(const pause_record& r);
std::string encode(const std::set<std::string>& hosts);

/// An object is damaged, or none of this library's: loading it again will not help.
inline bool is_unusable(const error& e)
{
    return e.code() == errc::damaged_state || e.code() == errc::foreign_state;
}

/// The objects of a whole state, and back. `decode_object` adds one object to `to`; it ignores keys of other
/// directories and of later versions, and throws `acme::error`
/// (`errc::damaged_state`) for a value that does not parse, naming `place` and the key.
std::set<std::string> keys_of(const state& s, const state_keys& keys);
objects encode(const state& s, const state_keys& keys);
void decode_object(
    state& to, const state_keys& keys, const std::string& key, std::string_view value, std::string_view place);
state decode(const objects& o, const state_keys& keys, std::string_view place);

/// The value of one object, empty where the state has none of that key.
std::optional<std::string> encode_object(const state& s, const state_keys& keys, const std::string& key);

} // namespace acme
