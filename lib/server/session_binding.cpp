#include "server/session_binding.hpp"

#include "crypto/boringssl.hpp"

#include <openssl/sha.h>
#include <openssl/ssl.h>

#include <array>

namespace acme {
namespace {

static_assert(SSL_MAX_SID_CTX_LENGTH == SHA256_DIGEST_LENGTH);

// RFC 6066 section 3: names are compared without regard to case.
struct folded_server_name
{
    explicit folded_server_name(const SSL* tls) noexcept
    {
        const char* name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
        for (; name && *name && size < octets.size(); ++name)
            octets[size++] = static_cast<std::uint8_t>(*name >= 'A' && *name <= 'Z' ? *name - 'A' + 'a' : *name);
        if (size > 0 && octets[size - 1] == '.')
            --size;
    }

    // TLSEXT_MAXLEN_host_name
    std::array<std::uint8_t, 255> octets;
    std::size_t size = 0;
};

} // namespace

bool bind_session_to_server_name(ssl_st* tls, shown_as shown) noexcept
{
    const folded_server_name name(tls);
    std::size_t own_size = 0;
    const auto* own = SSL_get0_session_id_context(tls, &own_size);
    // A session that was made without asking the client for its certificate does not get past a server that asks.
    const auto verified = SSL_get_verify_mode(tls);
    // Shorter than a digest, so that the two are never the same.
    if (own_size == 0 && shown == shown_as::named && verified == SSL_VERIFY_NONE && name.size < SHA256_DIGEST_LENGTH)
        return SSL_set_session_id_context(tls, name.octets.data(), name.size) == 1;
    const std::array<std::uint8_t, 3> prefix{
        static_cast<std::uint8_t>(shown), static_cast<std::uint8_t>(verified), static_cast<std::uint8_t>(own_size)};
    std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest;
    SHA256_CTX state;
    SHA256_Init(&state);
    SHA256_Update(&state, prefix.data(), prefix.size());
    SHA256_Update(&state, own, own_size);
    SHA256_Update(&state, name.octets.data(), name.size);
    SHA256_Final(digest.data(), &state);
    return SSL_set_session_id_context(tls, digest.data(), digest.size()) == 1;
}

} // namespace acme
