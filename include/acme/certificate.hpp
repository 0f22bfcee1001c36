#pragma once

#include <acme/key.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct crypto_buffer_st;

namespace acme {

class certificate;
using certificate_ptr = std::shared_ptr<const certificate>;

/// A certificate chain with its private key: immutable, shared, ready to be handed to a TLS handshake.
///
/// Thread safety: all members may be called from any thread.
class certificate
{
public:
    using time_point = std::chrono::system_clock::time_point;

    /// Reads a PEM chain, leaf first (RFC 8555 section 9.1), and joins it with its key. At most 256 KiB and 10
    /// certificates. A PEM block other than CERTIFICATE is refused (RFC 8555 section 11.4); text between blocks is
    /// skipped, and lines may end with CRLF. Also refused: malformed DER anywhere in the chain, and a leaf with a
    /// dNSName that is no host name. Checks that the leaf's public key is `private_key`'s; see `accept` for everything
    /// else. Returns null where any of that fails, with a sentence about it in `why`. Throws `std::bad_alloc` only.
    static certificate_ptr from_pem(std::string_view chain_pem, key private_key, std::string& why);

    /// The same for a chain as DER, a certificate each.
    static certificate_ptr from_der(std::span<const std::string> chain, key private_key, std::string& why);

    /// The leaf's subject alternative names of type dNSName, in lower case, and iPAddress in text, in the certificate's
    /// order.
    const std::vector<std::string>& names() const noexcept { return names_; }
    /// The leaf's validity (RFC 5280 section 4.1.2.5). Later than 2261 becomes the end of 2261.
    time_point not_before() const noexcept { return not_before_; }
    /// The end of the last valid second, as X.509 has it, is `not_after() + 1 s`.
    time_point not_after() const noexcept { return not_after_; }
    /// The leaf's issuer as a distinguished name on one line (RFC 2253): printable ASCII, at most 256 characters.
    const std::string& issuer() const noexcept { return issuer_; }
    /// The leaf's serial number in lower-case hexadecimal: the DER content octets, a leading 00 included.
    const std::string& serial() const noexcept { return serial_; }
    /// The certID of RFC 9773 section 4.1; empty where the leaf has no authority key identifier.
    const std::string& renewal_id() const noexcept { return renewal_id_; }

    /// Whether the leaf is for this name (lower case, no trailing dot): exact, or by a wildcard's one label (RFC 6125).
    bool covers(std::string_view name) const noexcept;

    const key& private_key() const noexcept { return key_; }
    /// The chain, leaf first, as BoringSSL's `CRYPTO_BUFFER`s of DER, owned by this object.
    std::span<crypto_buffer_st* const> chain() const noexcept { return {chain_.data(), chain_.size()}; }
    /// The chain as PEM, leaf first.
    std::string chain_pem() const;
    /// The leaf's DER.
    std::string_view leaf_der() const noexcept;

    ~certificate();
    certificate(const certificate&) = delete;
    certificate& operator=(const certificate&) = delete;

private:
    certificate();
    friend struct certificate_parser;

    key key_;
    std::vector<crypto_buffer_st*> chain_;
    std::vector<std::string> names_;
    std::string issuer_;
    std::string serial_;
    std::string renewal_id_;
    time_point not_before_{};
    time_point not_after_{};
};

/// A certificate that signs itself, with a P-256 key of its own, valid from an hour before `now`: for tests, and for
/// clients that ask for no host (`config::default_host`). `names` are host names, wildcards, and IP
/// addresses in text. Null where there are none, or one is neither. Throws `std::bad_alloc` only.
certificate_ptr make_self_signed_certificate(const std::vector<std::string>& names, certificate::time_point now,
    std::chrono::hours lifetime = std::chrono::hours(10 * 365 * 24));

/// The acceptance test between a download and its first handshake. A chain is acceptable when
/// - the leaf's subject alternative names are exactly `names` (dNSNames in lower case, IP addresses in text), compared
///   as sets, and there are any;
/// - the leaf is an end-entity certificate of version 3 whose extended key usage has serverAuth and whose key usage, if
///   it has one, digitalSignature;
/// - `now` lies within the validity of every certificate, with `clock_skew` of tolerance before its start;
/// - the leaf's issuer is there, and each certificate is issued and signed, with SHA-256 or better, by the CA
///   certificate that follows it. A self-signed root may be last, whatever its own signature.
/// Whether the root is trusted is not asked. `from_pem` has already compared the key.
///
/// Returns nothing when the chain is acceptable, else a sentence that says why not. Throws `std::bad_alloc` only.
std::optional<std::string> accept(const certificate& c, std::span<const std::string> names, certificate::time_point now,
    std::chrono::seconds clock_skew = std::chrono::hours(1));

} // namespace acme
