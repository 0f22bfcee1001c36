#pragma once

struct ssl_st;

namespace acme {

/// Binds the session of a connection, and what it may resume, to its server name and the session id context that it has
/// from the application: tickets of one host are no good for another. To be called once, by the ClientHello's
/// certificate. False for want of memory.
bool bind_session_to_server_name(ssl_st* tls) noexcept;

} // namespace acme
