#include "client/expect.hpp"
#include "client/session.hpp"
#include "crypto/jose.hpp"
#include "protocol/link.hpp"
#include "protocol/request.hpp"
#include "protocol/resource.hpp"

#include <utility>

namespace acme {

namespace {

namespace asio = boost::asio;

constexpr std::size_t chain_limit = 256 * 1024;

order read_order(const https_response& answer, std::string url, const char* step)
{
    expect_media_type(answer, "application/json", step);
    order o = expect(parse_order(answer.body), step);
    o.url = std::move(url);
    return o;
}

} // namespace

asio::awaitable<order> client::async_new_order(order_request request)
{
    constexpr const char* step = "newOrder";
    signed_request r(step, {}, new_order_payload(request.identifiers, request.profile, request.replaces));
    r.repeatable = false;
    r.names_another_thing = !request.replaces.empty();
    const https_response answer = co_await session_->async_post(r, &directory::new_order);
    order o = read_order(answer, session::location(answer, r.url, step), step);
    o.retry_after = session_->retry_after(answer);
    co_return o;
}

asio::awaitable<order> client::async_order(std::string url)
{
    constexpr const char* step = "order";
    signed_request r(step, url);
    const https_response answer = co_await session_->async_post(r);
    order o = read_order(answer, std::move(url), step);
    o.retry_after = session_->retry_after(answer);
    co_return o;
}

asio::awaitable<order> client::async_finalize(order o, std::string csr)
{
    constexpr const char* step = "finalize";
    signed_request r(step, o.finalize, finalize_payload(base64url_encode(csr)));
    r.repeatable = false;
    const https_response answer = co_await session_->async_post(r);
    order after = read_order(answer, std::move(o.url), step);
    after.retry_after = session_->retry_after(answer);
    co_return after;
}

asio::awaitable<certificate_chain> client::async_certificate(std::string url)
{
    constexpr const char* step = "certificate";
    signed_request r(step, url);
    r.accept = "application/pem-certificate-chain";
    r.body_limit = chain_limit;
    https_response answer = co_await session_->async_post(r);
    expect_media_type(answer, "application/pem-certificate-chain", step);
    certificate_chain chain;
    chain.alternates = links(answer.find_all("link"), "alternate", url);
    chain.pem = std::move(answer.body);
    co_return chain;
}

} // namespace acme
