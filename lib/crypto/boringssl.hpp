#pragma once

// OpenSSL's headers have the same names and may lie in the compiler's default path.
#include <openssl/base.h>
#ifndef OPENSSL_IS_BORINGSSL
#error "asio-acme needs BoringSSL, but the compiler found another library's <openssl/base.h> first"
#endif

#include <openssl/bytestring.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>

#include <cstdint>
#include <new>
#include <string>
#include <string_view>

namespace acme {

// For BoringSSL's functions that can fail for want of memory only.
inline void must(int ok)
{
    if (ok != 1)
        throw std::bad_alloc();
}

inline const std::uint8_t* octets(std::string_view s) noexcept
{
    return reinterpret_cast<const std::uint8_t*>(s.data());
}

inline std::string_view view(const CBS& cbs) noexcept
{
    return {reinterpret_cast<const char*>(CBS_data(&cbs)), CBS_len(&cbs)};
}

inline CBS to_cbs(std::string_view s) noexcept
{
    CBS cbs;
    CBS_init(&cbs, octets(s), s.size());
    return cbs;
}

// Null where it is no EC key; unlike EVP_PKEY_get0_EC_KEY, leaves no error in the queue then.
inline const EC_KEY* ec_key(const EVP_PKEY& pkey) noexcept
{
    return EVP_PKEY_id(&pkey) == EVP_PKEY_EC ? EVP_PKEY_get0_EC_KEY(&pkey) : nullptr;
}

inline const RSA* rsa_key(const EVP_PKEY& pkey) noexcept
{
    return EVP_PKEY_id(&pkey) == EVP_PKEY_RSA ? EVP_PKEY_get0_RSA(&pkey) : nullptr;
}

// A failure that is reported by a return value must leave nothing in the thread's error queue: the next TLS operation
// on this thread would take it for its own.
class error_queue_guard
{
public:
    error_queue_guard() = default;
    ~error_queue_guard() { ERR_clear_error(); }
    error_queue_guard(const error_queue_guard&) = delete;
    error_queue_guard& operator=(const error_queue_guard&) = delete;
};

// Zeroises a string that held key material.
class wipe_guard
{
public:
    explicit wipe_guard(std::string& s) noexcept
        : s_(s)
    {}
    ~wipe_guard() { OPENSSL_cleanse(s_.data(), s_.size()); }
    wipe_guard(const wipe_guard&) = delete;
    wipe_guard& operator=(const wipe_guard&) = delete;

private:
    std::string& s_;
};

} // namespace acme
