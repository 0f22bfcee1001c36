#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

struct evp_pkey_st;

namespace acme {

/// A private key: of an ACME account or of a certificate. An immutable value that is cheap to copy (copies share the
/// key).
///
/// Thread safety: distinct and shared objects may be used from any thread.
class key
{
public:
    /// No key. Only assignment, destruction and `operator bool` are allowed.
    key() = default;

    /// A new P-256 key from BoringSSL's random number generator. Throws `std::bad_alloc` only.
    static key generate();

    /// Reads one PEM private key ("PRIVATE KEY", "EC PRIVATE KEY" or "RSA PRIVATE KEY", not encrypted). Accepts what
    /// CAs accept: P-256, P-384, and RSA of 2048 to 4096 bits with the exponent 65537. At most 16 KiB of text; text
    /// around the block is skipped. Empty where that is not what it is. Throws `std::bad_alloc` only.
    static std::optional<key> from_pem(std::string_view pem);

    /// The same for DER: PKCS #8, ECPrivateKey (RFC 5915) or RSAPrivateKey (RFC 8017).
    static std::optional<key> from_der(std::string_view der);

    /// PKCS #8 PEM. Throws `std::bad_alloc` only. The caller should not keep it longer than needed.
    std::string to_pem() const;

    explicit operator bool() const noexcept { return pkey_ != nullptr; }

    /// BoringSSL's `EVP_PKEY*`, owned by this object and its copies; null for no key. Not to be modified.
    evp_pkey_st* native_handle() const noexcept { return pkey_.get(); }

    /// Whether both have the same public key, or neither has one.
    friend bool operator==(const key& a, const key& b) noexcept;

private:
    explicit key(std::shared_ptr<evp_pkey_st> pkey) noexcept
        : pkey_(std::move(pkey))
    {}

    std::shared_ptr<evp_pkey_st> pkey_;
};

} // namespace acme
