#include "client/expect.hpp"
#include "client/session.hpp"
#include "crypto/jose.hpp"
#include "protocol/request.hpp"
#include "protocol/resource.hpp"

#include <utility>

namespace acme {

namespace {

namespace asio = boost::asio;

account read_account(const https_response& answer, std::string url, const char* step)
{
    expect_media_type(answer, "application/json", step);
    account a = expect(parse_account(answer.body), step);
    a.url = std::move(url);
    a.created = answer.status == 201;
    return a;
}

// RFC 8555 section 7.3.4: the account's key, signed with the key that the CA gave out of band.
std::string binding_of(const external_account& external, std::string_view mac_key, const key& account_key,
    const std::string& new_account_url)
{
    return hmac_jws(mac_key, protected_header_mac("HS256", new_account_url, external.key_id), jwk(account_key));
}

} // namespace

asio::awaitable<account> client::async_new_account(account_request request)
{
    constexpr const char* step = "newAccount";
    signed_request r(step, {});
    r.jwk_key = account_key();
    std::string mac_key;
    if (request.external) {
        auto decoded = base64_decode_lenient(request.external->mac_key);
        if (!decoded || decoded->empty())
            throw error(errc::external_account_required, step, "the external account's MAC key is not base64url");
        mac_key = std::move(*decoded);
    }
    r.payload_for = [&request, &mac_key, k = account_key()](const std::string& url) {
        const std::string binding = request.external ? binding_of(*request.external, mac_key, k, url) : std::string();
        return new_account_payload(request.contact, request.terms_of_service_agreed, binding, false);
    };
    const https_response answer = co_await session_->async_post(r, &directory::new_account);
    account a = read_account(answer, session::location(answer, r.url, step), step);
    if (a.status != account_status::valid)
        throw error(errc::unauthorized, step, "the account is " + std::string(to_string(a.status)));
    session_->options.account_url = a.url;
    co_return a;
}

asio::awaitable<std::optional<account>> client::async_find_account()
{
    constexpr const char* step = "newAccount";
    signed_request r(step, {});
    r.jwk_key = account_key();
    r.payload = new_account_payload({}, false, {}, true);
    try {
        const https_response answer = co_await session_->async_post(r, &directory::new_account);
        account a = read_account(answer, session::location(answer, r.url, step), step);
        session_->options.account_url = a.url;
        co_return std::optional<account>(std::move(a));
    } catch (const error& e) {
        if (e.code() == errc::account_does_not_exist)
            co_return std::nullopt;
        throw;
    }
}

asio::awaitable<account> client::async_account()
{
    constexpr const char* step = "account";
    signed_request r(step, account_url());
    const https_response answer = co_await session_->async_post(r);
    co_return read_account(answer, std::move(r.url), step);
}

asio::awaitable<account> client::async_update_account(std::vector<std::string> contact)
{
    constexpr const char* step = "account update";
    signed_request r(step, account_url(), update_account_payload(contact));
    const https_response answer = co_await session_->async_post(r);
    co_return read_account(answer, std::move(r.url), step);
}

asio::awaitable<account> client::async_deactivate_account()
{
    constexpr const char* step = "account deactivation";
    signed_request r(step, account_url(), deactivate_payload());
    const https_response answer = co_await session_->async_post(r);
    co_return read_account(answer, std::move(r.url), step);
}

} // namespace acme
