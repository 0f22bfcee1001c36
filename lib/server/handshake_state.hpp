#pragma once

#include <cstdint>

struct ssl_st;

namespace acme {

/// What the ClientHello hook and `async_handshake` tell each other about one connection.
struct handshake_state
{
    enum class kind : std::uint8_t
    {
        /// Nobody would wait for a certificate.
        plain,
        /// `async_handshake` waits when the hook asks for it.
        may_wait,
        /// The hook asks `async_handshake` to wait for word of a challenge.
        awaits_challenge,
        /// The wait is over and the certificate is set.
        chosen,
        /// A tls-alpn-01 validation is being answered.
        validation,
        /// The handshake is to end with `alert`.
        refused
    };

    kind what = kind::plain;
    std::uint8_t alert = 0;

    static handshake_state refuse(std::uint8_t alert) noexcept { return {kind::refused, alert}; }
};

handshake_state get_handshake_state(const ssl_st* tls) noexcept;
/// False for want of memory.
bool set_handshake_state(ssl_st* tls, handshake_state state) noexcept;

} // namespace acme
