#include "crypto/boringssl.hpp"
#include "crypto/ip_address.hpp"
#include "crypto/x509.hpp"

#include <acme/certificate.hpp>

#include <openssl/nid.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <vector>

namespace acme {
namespace {

using refusal = std::optional<std::string>;
using time_point = certificate::time_point;

// What clients still verify. BoringSSL leaves SHA-1 to its caller.
constexpr std::array trusted_signatures{NID_ecdsa_with_SHA256, NID_ecdsa_with_SHA384, NID_ecdsa_with_SHA512,
    NID_sha256WithRSAEncryption, NID_sha384WithRSAEncryption, NID_sha512WithRSAEncryption, NID_rsassaPss, NID_ED25519};

bool is_self_issued(const X509& x509)
{
    return X509_NAME_cmp(X509_get_issuer_name(&x509), X509_get_subject_name(&x509)) == 0;
}

bool is_v3(const X509& x509)
{
    return X509_get_version(&x509) == X509_VERSION_3;
}

std::string normalised(const std::string& name)
{
    auto octets = ip_octets(name);
    auto text = octets ? ip_text(*octets) : std::nullopt;
    return text.value_or(name);
}

std::vector<std::string> as_set(std::span<const std::string> names)
{
    std::vector<std::string> set;
    for (const auto& name : names)
        set.push_back(normalised(name));
    std::sort(set.begin(), set.end());
    set.erase(std::unique(set.begin(), set.end()), set.end());
    return set;
}

refusal check_names(const certificate& c, const X509& leaf, std::span<const std::string> names)
{
    auto expected = as_set(names);
    auto actual = as_set(c.names());
    for (const auto& name : expected) {
        if (!std::binary_search(actual.begin(), actual.end(), name))
            return "The certificate lacks the name " + name + ".";
    }
    for (const auto& name : actual) {
        if (!std::binary_search(expected.begin(), expected.end(), name))
            return "The certificate has the name " + name + ", which was not asked for.";
    }
    auto alternatives = read_subject_alt_names(leaf);
    if (!alternatives || alternatives->others || expected.empty())
        return "The certificate has names other than host names and IP addresses, or none.";
    return std::nullopt;
}

refusal check_leaf(X509& leaf)
{
    auto flags = X509_get_extension_flags(&leaf);
    if (!is_v3(leaf))
        return "The certificate is not of version 3.";
    if ((flags & EXFLAG_CA) != 0)
        return "The certificate is a CA's own, not a server's.";
    if ((flags & EXFLAG_XKUSAGE) == 0 || (X509_get_extended_key_usage(&leaf) & XKU_SSL_SERVER) == 0)
        return "The certificate's extended key usage is not server authentication.";
    // All ones where there is no such extension.
    if ((X509_get_key_usage(&leaf) & X509v3_KU_DIGITAL_SIGNATURE) == 0)
        return "The certificate's key usage has no digital signature.";
    return std::nullopt;
}

refusal check_dates(
    const parsed_certificate& c, time_point now, std::chrono::seconds clock_skew, std::string_view which)
{
    if (now + clock_skew < c.not_before)
        return std::string(which) + " is not valid yet.";
    if (now >= c.not_after + std::chrono::seconds(1))
        return std::string(which) + " has expired.";
    return std::nullopt;
}

bool is_signed_by(X509& subject, X509& issuer)
{
    error_queue_guard guard;
    bssl::UniquePtr<EVP_PKEY> pkey(X509_get_pubkey(&issuer));
    return pkey && X509_verify(&subject, pkey.get()) == 1;
}

bool may_issue(X509& issuer, std::size_t intermediates_below)
{
    auto path_length = X509_get_pathlen(&issuer);
    return is_v3(issuer) && (X509_get_extension_flags(&issuer) & EXFLAG_CA) != 0 &&
        (X509_get_key_usage(&issuer) & X509v3_KU_KEY_CERT_SIGN) != 0 &&
        (path_length < 0 || intermediates_below <= static_cast<std::size_t>(path_length));
}

bool has_trusted_signature(const X509& x509)
{
    auto nid = X509_get_signature_nid(&x509);
    return std::find(trusted_signatures.begin(), trusted_signatures.end(), nid) != trusted_signatures.end();
}

refusal check_link(X509& subject, X509& issuer, std::size_t position)
{
    auto which = "Certificate " + std::to_string(position + 1) + " of the chain";
    if (!has_trusted_signature(subject))
        return which + " is signed with an algorithm that clients refuse.";
    if (is_self_issued(subject))
        return which + " is self-issued, yet another one follows.";
    if (X509_NAME_cmp(X509_get_issuer_name(&subject), X509_get_subject_name(&issuer)) != 0)
        return which + " was not issued by the one that follows it.";
    if (!may_issue(issuer, position))
        return which + " is followed by one that may not issue it.";
    if (!is_signed_by(subject, issuer))
        return which + " was not signed by the one that follows it.";
    return std::nullopt;
}

refusal check_chain(const std::vector<parsed_certificate>& chain, time_point now, std::chrono::seconds clock_skew)
{
    if (chain.size() < 2)
        return "The chain lacks the certificate's issuer.";
    for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
        if (auto r = check_link(*chain[i].x509, *chain[i + 1].x509, i))
            return r;
        if (auto r = check_dates(chain[i + 1], now, clock_skew, "An issuer in the chain"))
            return r;
    }
    const auto& last = *chain.back().x509;
    if (!has_trusted_signature(last) && !is_self_issued(last))
        return "The chain's last certificate is signed with an algorithm that clients refuse.";
    return std::nullopt;
}

} // namespace

std::optional<std::string> accept(
    const certificate& c, std::span<const std::string> names, time_point now, std::chrono::seconds clock_skew)
{
    std::vector<parsed_certificate> chain;
    for (auto* buffer : c.chain()) {
        auto parsed = parse_certificate(*buffer);
        if (!parsed)
            return "A certificate of the chain is malformed.";
        chain.push_back(std::move(*parsed));
    }
    auto& leaf = *chain.front().x509;
    if (auto r = check_names(c, leaf, names))
        return r;
    if (auto r = check_dates(chain.front(), now, clock_skew, "The certificate"))
        return r;
    if (auto r = check_leaf(leaf))
        return r;
    return check_chain(chain, now, clock_skew);
}

} // namespace acme
