#pragma once

#include <acme/key.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

/// Certificates of a CA that exists for one test only, good ones and bad ones.
namespace acme::test {

/// The time at which the chains of this kit are valid by default: 2026-06-01 00:00:00 UTC.
inline constexpr std::chrono::system_clock::time_point chain_time =
    std::chrono::sys_days(std::chrono::year(2026) / std::chrono::June / 1);

/// What one certificate says. The defaults are those of a server's certificate without names, valid from a day before
/// `chain_time` to 90 days after it.
struct certificate_options
{
    /// Common name of the subject; none for an empty subject.
    std::string subject = "leaf";
    /// Subject alternative names: host names and IP addresses; none for no such extension.
    std::vector<std::string> names;
    /// The DER of the subject alternative name, in place of `names`.
    std::string raw_subject_alt_name;
    std::chrono::system_clock::time_point not_before = chain_time - std::chrono::hours(24);
    std::chrono::system_clock::time_point not_after = chain_time + std::chrono::hours(24 * 90);
    /// In place of `not_after`, as ASN.1 has it: "99991231235959Z".
    std::string raw_not_after;
    std::uint64_t serial = 0x1001;
    /// In place of `serial`, as unsigned octets.
    std::string raw_serial;
    bool ca = false;
    int path_length = -1;
    bool extensions = true;
    bool extended_key_usage = true;
    /// The last arc of 1.3.6.1.5.5.7.3: 1 is serverAuth, 2 clientAuth.
    unsigned char purpose = 1;
    /// The first octet of the KeyUsage: 0x80 is digitalSignature, 0x04 keyCertSign; 0 for no such extension.
    unsigned char key_usage = 0x80;
    /// The octets of the authority key identifier; empty for no such extension.
    std::string authority_key_id = "authority key id 20.";
    /// Repeats the subject alternative name extension.
    bool repeat_subject_alt_name = false;
    bool sha1 = false;

    certificate_options() = default;
};

/// A certificate as PEM.
std::string make_certificate(
    const certificate_options& options, const key& subject_key, const std::string& issuer, const key& issuer_key);
/// The same for a public key.
std::string make_certificate(
    const certificate_options& options, evp_pkey_st& subject_key, const std::string& issuer, const key& issuer_key);

struct chain_options
{
    certificate_options leaf;
    certificate_options intermediate;
    certificate_options root;
    /// Generated where empty.
    key leaf_key;

    explicit chain_options(std::vector<std::string> names = {"example.com"});
};

struct made_chain
{
    key leaf_key;
    key intermediate_key;
    key root_key;
    std::string leaf_pem;
    std::string intermediate_pem;
    std::string root_pem;
    /// What a CA delivers: leaf and intermediate.
    std::string pem;
};

made_chain make_chain(const chain_options& options = chain_options());

/// The DER of a PEM's first block, and back; independent of what is tested.
std::string der_of(const std::string& pem);
std::string pem_of(const std::string& der);

/// One DER element of fewer than 65,536 octets.
std::string der_element(unsigned char tag, const std::string& content);

} // namespace acme::test
