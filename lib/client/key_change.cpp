#include "client/session.hpp"
#include "crypto/jose.hpp"
#include "protocol/request.hpp"

#include <utility>

namespace acme {

namespace asio = boost::asio;

asio::awaitable<void> client::async_key_change(key new_key)
{
    signed_request r("keyChange", {});
    r.repeatable = false;
    if (!new_key || new_key == account_key())
        throw error(errc::bad_public_key, r.step, "a key of its own is needed");
    r.payload_for = [this, new_key](const std::string& url) {
        const std::string header = protected_header_jwk(jws_algorithm(new_key), {}, url, jwk(new_key));
        return sign_jws(new_key, header, key_change_payload(account_url(), jwk(account_key())));
    };
    co_await session_->async_post(r, &directory::key_change);
    session_->options.account_key = std::move(new_key);
}

} // namespace acme
