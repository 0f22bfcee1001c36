#include "protocol/printable.hpp"
#include "protocol/timestamp.hpp"

#include <acme/error.hpp>

#include <algorithm>
#include <array>

namespace acme {
namespace {

constexpr std::string_view type_prefix = "urn:ietf:params:acme:error:";

struct problem_type
{
    std::string_view name;
    errc code;
};

constexpr std::array<problem_type, 27> problem_types{{
    {"accountDoesNotExist", errc::account_does_not_exist},
    {"alreadyReplaced", errc::already_replaced},
    {"alreadyRevoked", errc::already_revoked},
    {"badCSR", errc::bad_csr},
    {"badNonce", errc::bad_nonce},
    {"badPublicKey", errc::bad_public_key},
    {"badRevocationReason", errc::bad_revocation_reason},
    {"badSignatureAlgorithm", errc::bad_signature_algorithm},
    {"caa", errc::caa},
    {"compound", errc::compound},
    {"conflict", errc::conflict},
    {"connection", errc::connection},
    {"dns", errc::dns},
    {"externalAccountRequired", errc::external_account_required},
    {"incorrectResponse", errc::incorrect_response},
    {"invalidContact", errc::invalid_contact},
    {"invalidProfile", errc::invalid_profile},
    {"malformed", errc::malformed},
    {"orderNotReady", errc::order_not_ready},
    {"rateLimited", errc::rate_limited},
    {"rejectedIdentifier", errc::rejected_identifier},
    {"serverInternal", errc::server_internal},
    {"tls", errc::tls},
    {"unauthorized", errc::unauthorized},
    {"unsupportedContact", errc::unsupported_contact},
    {"unsupportedIdentifier", errc::unsupported_identifier},
    {"userActionRequired", errc::user_action_required},
}};

const char* message_of(errc e) noexcept
{
    switch (e) {
    case errc::account_does_not_exist: return "the CA knows no account for this key";
    case errc::already_replaced: return "the certificate was already replaced by another order";
    case errc::already_revoked: return "the certificate is revoked already";
    case errc::bad_csr: return "the CA does not accept the certificate request";
    case errc::bad_nonce: return "the CA keeps refusing the nonces that it gave";
    case errc::bad_public_key: return "the CA does not accept this key";
    case errc::bad_revocation_reason: return "the CA does not accept this revocation reason";
    case errc::bad_signature_algorithm: return "the CA does not accept this signature algorithm";
    case errc::caa: return "a CAA record in the DNS forbids this CA to issue for the name";
    case errc::compound: return "the CA refused for several reasons";
    case errc::conflict: return "the CA is busy with an earlier request for the same thing";
    case errc::connection: return "the CA could not connect to the server that the name points to";
    case errc::dns: return "the CA's DNS lookups for the name failed";
    case errc::external_account_required: return "the CA demands an external account binding";
    case errc::incorrect_response: return "the answer that the CA got to its challenge is not the expected one";
    case errc::invalid_contact: return "the CA does not accept the account's contact";
    case errc::invalid_profile: return "the CA has no such certificate profile";
    case errc::malformed: return "the CA finds the request malformed";
    case errc::order_not_ready: return "the CA finds the order not ready to be finalized";
    case errc::rate_limited: return "the CA's rate limit is reached";
    case errc::rejected_identifier: return "the CA does not issue for this name";
    case errc::server_internal: return "the CA had an internal error";
    case errc::tls: return "the CA's TLS connection to the server that the name points to failed";
    case errc::unauthorized: return "the CA finds the client not authorized";
    case errc::unsupported_contact: return "the CA does not support this kind of contact";
    case errc::unsupported_identifier: return "the CA does not support this kind of identifier";
    case errc::user_action_required: return "the CA demands that somebody visits a page first";
    case errc::unknown_problem: return "the CA refused";
    case errc::unexpected_answer: return "the CA's answer is not what ACME prescribes";
    case errc::answer_too_large: return "the CA's answer is larger than what is read";
    case errc::timed_out: return "the time limit passed";
    case errc::order_invalid: return "the CA declared the order invalid";
    case errc::authorization_invalid: return "the CA could not validate control of the name";
    case errc::no_usable_challenge: return "the CA offers no challenge type that can be answered here";
    case errc::certificate_rejected: return "the issued certificate does not match its order and is not used";
    case errc::invalid_host_name: return "this is not a host name for which a certificate can be ordered";
    case errc::host_not_allowed: return "the host is not among those allowed";
    case errc::second_store: return "the certificate manager has a store already";
    case errc::no_certificate: return "there is no certificate for the host";
    case errc::recently_failed: return "the last attempt for this host failed not long ago";
    case errc::too_many_new_hosts: return "the limit of new hosts is reached";
    case errc::self_check_failed: return "the host name does not lead to this server";
    case errc::too_many_waiters: return "too many handshakes wait for certificates";
    case errc::terms_refused: return "the CA's terms of service were not agreed to";
    case errc::challenge_answered: return "the connection was a CA's validation, which was answered";
    case errc::no_server_name: return "the client named no host (no SNI)";
    case errc::damaged_state: return "the saved state is damaged";
    case errc::foreign_state: return "this is not a saved state, or one of a newer version";
    case errc::lock_lost: return "the lock of the store was lost, and somebody else may hold it";
    case errc::store_unavailable: return "the store can't be reached";
    case errc::shut_down: return "the certificate manager was shut down";
    }
    return "unknown error";
}

class category final : public boost::system::error_category
{
public:
    // With an id of its own the category is the same in every copy of the library in a process.
    constexpr category() noexcept
        : error_category(0x6d3a1f0c5e8b9247U)
    {}

    const char* name() const noexcept override { return "acme"; }
    std::string message(int value) const override { return message_of(static_cast<errc>(value)); }
    const char* message(int value, char*, std::size_t) const noexcept override
    {
        return message_of(static_cast<errc>(value));
    }
};

/// "urn:ietf:params:acme:error:dns" as "dns".
std::string_view short_type(std::string_view type) noexcept
{
    return type.starts_with(type_prefix) ? type.substr(type_prefix.size()) : type;
}

std::string describe_one(std::string_view type, std::string_view text)
{
    std::string out(short_type(type));
    if (!out.empty() && !text.empty())
        out += ": ";
    return out.append(text);
}

} // namespace

const boost::system::error_category& acme_category() noexcept
{
    static const category instance;
    return instance;
}

boost::system::error_code make_error_code(errc e) noexcept
{
    return {static_cast<int>(e), acme_category()};
}

errc errc_from_type(std::string_view type) noexcept
{
    if (!type.starts_with(type_prefix))
        return errc::unknown_problem;
    const auto name = short_type(type);
    const auto found =
        std::find_if(problem_types.begin(), problem_types.end(), [&](const problem_type& t) { return t.name == name; });
    return found == problem_types.end() ? errc::unknown_problem : found->code;
}

std::string problem::describe() const
{
    std::string out = describe_one(type, detail.empty() ? title : detail);
    if (status != 0)
        out = "HTTP status " + std::to_string(status) + (out.empty() ? "" : ", ") + out;
    if (!instance.empty())
        out += " (see " + instance + ')';
    const char* separator = out.empty() ? "" : "; ";
    for (const subproblem& s : subproblems) {
        out += separator;
        if (s.identifier)
            out += s.identifier->value + ": ";
        out += describe_one(s.type, s.detail);
        separator = "; ";
    }
    return out;
}

error::error(boost::system::error_code ec, std::string step, std::string explanation)
    : system_error(ec)
    , step_(std::move(step))
    , explanation_(std::move(explanation))
{
    compose();
}

error::error(boost::system::error_code ec, std::string step, acme::problem p, std::string explanation)
    : system_error(ec)
    , step_(std::move(step))
    , explanation_(std::move(explanation))
    , problem_(std::move(p))
{
    compose();
}

error error::with_host(std::string host) const
{
    error copy(*this);
    copy.host_ = printable(host, 256);
    copy.compose();
    return copy;
}

error error::with_retry(retry_advice advice) const
{
    error copy(*this);
    copy.retry_ = advice;
    copy.compose();
    return copy;
}

void error::compose()
{
    what_ = "acme: " + step_;
    if (!host_.empty())
        what_ += " for " + host_;
    what_ += ": " + code().message();
    if (!explanation_.empty())
        what_ += ": " + printable(explanation_, 4096);
    if (problem_)
        if (const auto said = problem_->describe(); !said.empty())
            what_ += ": " + said;
    if (retry_.when == retry_advice::kind::at)
        what_ += "; next attempt not before " + format_timestamp(retry_.not_before);
}

} // namespace acme
