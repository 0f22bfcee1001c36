#include "server/handshake_state.hpp"

#include "crypto/boringssl.hpp"

#include <openssl/ssl.h>

namespace acme {
namespace {

// The state itself is stored, not a pointer to it, so that a connection costs no allocation.
static_assert(sizeof(void*) >= 4);

int state_index()
{
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

} // namespace

handshake_state get_handshake_state(const ssl_st* tls) noexcept
{
    auto bits = reinterpret_cast<std::uintptr_t>(SSL_get_ex_data(tls, state_index()));
    handshake_state state;
    state.what = static_cast<handshake_state::kind>(bits & 0xff);
    state.alert = static_cast<std::uint8_t>(bits >> 8);
    return state;
}

bool set_handshake_state(ssl_st* tls, handshake_state state) noexcept
{
    auto bits = static_cast<std::uintptr_t>(state.what) | static_cast<std::uintptr_t>(state.alert) << 8;
    return SSL_set_ex_data(tls, state_index(), reinterpret_cast<void*>(bits)) == 1;
}

} // namespace acme
