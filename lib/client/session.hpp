#pragma once

#include "client/nonce_pool.hpp"
#include "transport/slots.hpp"

#include <acme/client.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace acme {

/// A signed request.
struct signed_request
{
    /// Names the operation in errors; a literal.
    const char* step;
    std::string url;
    /// Empty for POST-as-GET (RFC 8555 section 6.3).
    std::string payload;
    /// Makes the payload of the URL instead, where one names the other.
    std::function<std::string(const std::string& url)> payload_for;
    std::string accept = "application/json";
    std::size_t body_limit = 64 * 1024;
    /// The key that signs and shows itself as a "jwk"; empty: the account's, named by its "kid".
    key jwk_key;
    /// To be sent twice does no harm.
    bool repeatable = true;

    signed_request(const char* step_, std::string url_, std::string payload_ = {})
        : step(step_)
        , url(std::move(url_))
        , payload(std::move(payload_))
    {}
};

/// What a client remembers between its requests: the directory, nonces, the account; and how it asks.
class client::session
{
public:
    explicit session(client_options o);

    client_options options;

    boost::asio::awaitable<directory> async_directory();
    /// Signs, sends, and signs again after badNonce. Returns only answers of status 2xx.
    boost::asio::awaitable<https_response> async_post(const signed_request& request);
    /// The same to a resource of the directory, whose URL it puts into the request. Where the CA no longer knows that
    /// URL, the directory is fetched anew.
    boost::asio::awaitable<https_response> async_post(signed_request& request, std::string directory::* resource);

    /// An unsigned GET. Returns only answers of status 2xx.
    boost::asio::awaitable<https_response> async_get(std::string url, const char* step);

    /// The URL that an answer's Location field gives.
    static std::string location(const https_response& answer, const std::string& request_url, const char* step);
    std::optional<std::chrono::seconds> retry_after(const https_response& answer) const;

private:
    boost::asio::awaitable<https_response> async_send(https_request request, const char* step);
    boost::asio::awaitable<std::string> async_nonce();
    std::string sign(const signed_request& request, std::string_view nonce) const;
    [[noreturn]] void refuse(const https_response& answer, const char* step) const;
    bool fresh() const noexcept;

    std::optional<directory> directory_;
    time_point directory_fetched_{};
    slots directory_turn_;
    nonce_pool nonces_;
    slots places_;
};

/// Throws `errc::unexpected_answer` where an answer's Content-Type says that it is something else than `wanted`.
void expect_media_type(const https_response& answer, std::string_view wanted, const char* step);

} // namespace acme
