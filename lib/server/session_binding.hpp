#pragma once

#include <cstdint>

struct ssl_st;

namespace acme {

/// What a client is shown: the certificate of its server name, or the default one.
enum class shown_as : std::uint8_t
{
    named,
    by_default
};

/// Binds the session of a connection, and what it may resume, to its server name, the session id context and the
/// verification of clients that it has from the application, and whether the certificate is the name's: tickets of one
/// host are no good for another, nor for itself once it has a certificate of its own. To be called once, by the
/// ClientHello's certificate. False for want of memory.
bool bind_session_to_server_name(ssl_st* tls, shown_as shown) noexcept;

} // namespace acme
