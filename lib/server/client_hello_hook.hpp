#pragma once

#include "server/session_binding.hpp"

#include <acme/certificate.hpp>
#include <acme/manager.hpp>

#include <memory>

struct ssl_ctx_st;
struct ssl_st;

namespace acme {

/// Sets the callbacks of `install` on a context. Throws `std::bad_alloc`.
void install_client_hello_hook(ssl_ctx_st* context, std::shared_ptr<const credentials> certificates);

/// Gives a connection the certificate to show, and binds its session to its server name. Takes references, no copies;
/// called once for a connection. False for want of memory.
bool use_certificate(ssl_st* tls, const certificate& c, shown_as how) noexcept;

/// Has the handshake, which waits for it, go on as a validation's that `answer` answers. False for want of memory.
bool use_challenge(ssl_st* tls, const certificate& answer) noexcept;

/// `credentials::find_default` of what was installed on the connection's context.
certificate_ptr find_default_certificate(const ssl_st* tls) noexcept;

} // namespace acme
