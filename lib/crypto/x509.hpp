#pragma once

#include "crypto/boringssl.hpp"

#include <openssl/pool.h>
#include <openssl/x509.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

/// Reading a hostile certificate. Nothing here throws but `std::bad_alloc`, nor leaves errors in the queue.
namespace acme {

struct parsed_certificate
{
    bssl::UniquePtr<X509> x509;
    /// The content octets of the DER INTEGER, at most 64.
    std::string serial;
    std::chrono::system_clock::time_point not_before;
    std::chrono::system_clock::time_point not_after;
};

/// Empty where it is no certificate, or has extensions that BoringSSL knows and finds malformed or repeated.
std::optional<parsed_certificate> parse_certificate(CRYPTO_BUFFER& der);

struct subject_alt_names
{
    /// dNSName in lower case, iPAddress in text.
    std::vector<std::string> names;
    /// Whether there are names of other types.
    bool others = false;
};

/// Empty where the extension is malformed or repeated, or a dNSName is no host name (or wildcard) in letters, digits,
/// '-' and '_', or one that could be taken for an IP address. No names where there is no such extension.
std::optional<subject_alt_names> read_subject_alt_names(const X509& x509);

/// The keyIdentifier of the authority key identifier; empty where there is none, or one beyond 64 octets.
std::string authority_key_identifier(X509& x509);

/// The issuer on one line in printable ASCII, at most 256 characters.
std::string issuer_text(const X509& x509);

} // namespace acme
