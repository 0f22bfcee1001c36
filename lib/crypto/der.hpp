#pragma once

#include <acme/key.hpp>

#include <openssl/bytestring.h>

#include <span>
#include <string>
#include <string_view>

/// Pieces of DER that certificate requests and certificates have in common. All throw `std::bad_alloc` only.
namespace acme {

inline constexpr std::string_view oid_subject_alt_name = "2.5.29.17";

void add_oid(CBB& out, std::string_view dotted);

/// One Extension (RFC 5280 section 4.1) whose extnValue is `value`, which is DER.
void add_extension(CBB& out, std::string_view oid, bool critical, std::string_view value);

/// A SubjectAltName: an iPAddress for each name that is an IP address, else a dNSName.
std::string make_subject_alt_name(std::span<const std::string> names);

/// The AlgorithmIdentifier of what `sign_der` does: the key's own algorithm with SHA-256.
void add_signature_algorithm(CBB& out, const key& signer);

/// SEQUENCE { `tbs`, signature algorithm, signature }: a Certificate or a CertificationRequest.
std::string sign_der(std::string_view tbs, const key& signer);

/// What was written to a CBB that stands on its own.
std::string take(CBB& cbb);

} // namespace acme
