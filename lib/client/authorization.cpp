#include "client/expect.hpp"
#include "client/session.hpp"
#include "crypto/jose.hpp"
#include "protocol/request.hpp"
#include "protocol/resource.hpp"

#include <utility>

namespace acme {

namespace {

namespace asio = boost::asio;

authorization read_authorization(const https_response& answer, std::string url, const char* step)
{
    expect_media_type(answer, "application/json", step);
    authorization a = expect(parse_authorization(answer.body), step);
    a.url = std::move(url);
    return a;
}

} // namespace

asio::awaitable<authorization> client::async_authorization(std::string url)
{
    constexpr const char* step = "authorization";
    signed_request r(step, url);
    const https_response answer = co_await session_->async_post(r);
    authorization a = read_authorization(answer, std::move(url), step);
    a.retry_after = session_->retry_after(answer);
    co_return a;
}

asio::awaitable<authorization> client::async_deactivate_authorization(std::string url)
{
    constexpr const char* step = "authorization deactivation";
    signed_request r(step, url, deactivate_payload());
    const https_response answer = co_await session_->async_post(r);
    co_return read_authorization(answer, std::move(url), step);
}

asio::awaitable<challenge> client::async_respond(challenge c)
{
    constexpr const char* step = "challenge";
    signed_request r(step, c.url, "{}");
    const https_response answer = co_await session_->async_post(r);
    expect_media_type(answer, "application/json", step);
    co_return expect(parse_challenge(answer.body), step);
}

std::string client::key_authorization(const challenge& c) const
{
    return acme::key_authorization(c.token, account_key());
}

} // namespace acme
