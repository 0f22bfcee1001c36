#pragma once

#include <acme/key.hpp>
#include <acme/testing/ca.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace acme::testing {

/// The CA's own certificates and what it signs: roots, and one intermediate under each, all these with one key.
class authority
{
public:
    explicit authority(unsigned alternates);

    /// A certificate for a public key (SubjectPublicKeyInfo in DER).
    std::string issue(const leaf_contents& leaf, std::string_view public_key) const;

    std::size_t chains() const noexcept { return roots_.size(); }
    /// What follows the leaf.
    const std::string& intermediate_pem(std::size_t n) const { return intermediates_.at(n); }
    const std::string& root_pem(std::size_t n) const { return roots_.at(n); }

    /// The certID of RFC 9773 section 4.1 for a leaf of this serial number (big-endian octets, without a sign).
    std::string renewal_id(std::string_view serial) const;

private:
    key issuer_;
    std::string key_id_;
    std::vector<std::string> roots_;
    std::vector<std::string> intermediates_;
};

/// DER of a key's SubjectPublicKeyInfo.
std::string public_key_of(const evp_pkey_st& key);

/// 16 random octets.
std::string random_serial();

} // namespace acme::testing
