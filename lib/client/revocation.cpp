#include "client/session.hpp"
#include "crypto/jose.hpp"
#include "protocol/request.hpp"

#include <utility>

namespace acme {

namespace asio = boost::asio;

asio::awaitable<void> client::async_revoke(std::string leaf_der, revocation_reason reason)
{
    return async_revoke(std::move(leaf_der), reason, key());
}

asio::awaitable<void> client::async_revoke(std::string leaf_der, revocation_reason reason, key certificate_key)
{
    signed_request r("revokeCert", {}, revoke_payload(base64url_encode(leaf_der), reason));
    r.jwk_key = std::move(certificate_key);
    try {
        co_await session_->async_post(r, &directory::revoke_cert);
    } catch (const error& e) {
        if (e.code() != errc::already_revoked)
            throw;
    }
}

} // namespace acme
