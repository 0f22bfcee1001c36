#include "client/session.hpp"

#include "client/expect.hpp"
#include "crypto/jose.hpp"
#include "protocol/http_date.hpp"
#include "protocol/limit.hpp"
#include "protocol/printable.hpp"
#include "protocol/problem.hpp"
#include "protocol/request.hpp"
#include "protocol/resource.hpp"
#include "protocol/url.hpp"

#include <boost/asio/error.hpp>

#include <utility>

namespace acme {

namespace {

namespace asio = boost::asio;

constexpr unsigned max_signatures = 10;
// Each request in flight brings a nonce back, so this is also how many nonces concurrent operations ever ask for.
constexpr std::size_t max_concurrent_requests = 4;
constexpr auto directory_lifetime = std::chrono::hours(1);

// Whether the CA no longer knows the URL that a request went to.
bool gone(const error& e)
{
    return e.problem() && (e.problem()->status == 404 || e.problem()->status == 405) &&
        e.code() != errc::account_does_not_exist;
}

} // namespace

client::session::session(client_options o)
    : options(std::move(o))
    , directory_turn_(1)
    , places_(max_concurrent_requests)
{}

bool client::session::fresh() const noexcept
{
    const auto age = options.clock->now() - directory_fetched_;
    return directory_ && age >= age.zero() && age < directory_lifetime;
}

asio::awaitable<directory> client::session::async_directory()
{
    constexpr const char* step = "directory";
    if (fresh())
        co_return *directory_;
    const auto fetches_before = directory_fetches_;
    const slots::lease turn = co_await async_enter(directory_turn_, step);
    if (fresh())
        co_return *directory_;
    // Who waited for a fetch that failed does not wait for another.
    if (directory_fetches_ != fetches_before && directory_failure_)
        throw *directory_failure_;
    co_await async_fetch_directory();
    co_return *directory_;
}

asio::awaitable<void> client::session::async_fetch_directory()
{
    constexpr const char* step = "directory";
    directory_failure_.reset();
    try {
        const https_response answer = co_await async_get(options.directory_url, step);
        directory_ = expect(parse_directory(answer.body), step);
        directory_fetched_ = options.clock->now();
        ++directory_fetches_;
    } catch (const error& e) {
        // One who was cancelled has learnt nothing.
        if (e.code() != asio::error::operation_aborted) {
            directory_failure_ = e;
            ++directory_fetches_;
        }
        throw;
    }
}

asio::awaitable<slots::lease> client::session::async_enter(slots& line, const char* step)
{
    try {
        co_return co_await line.async_acquire();
    } catch (const boost::system::system_error& e) {
        throw error(e.code(), step);
    }
}

error client::session::with_advice(const error& e) const
{
    const bool has_advice = e.retry().when != retry_advice::kind::now;
    if (has_advice || e.code() == asio::error::operation_aborted)
        return e;
    return e.with_retry(disposition(e.code(), e.problem(), 1, options.clock->now(), options.random()));
}

asio::awaitable<https_response> client::session::async_get(std::string url, const char* step)
{
    https_request request("GET", std::move(url));
    request.accept = "application/json";
    https_response answer = co_await async_send(std::move(request), step);
    if (answer.status / 100 != 2)
        refuse(answer, step);
    expect_media_type(answer, "application/json", step);
    co_return answer;
}

asio::awaitable<https_response> client::session::async_send(https_request request, const char* step)
{
    try {
        https_response answer = co_await options.transport->async_exchange(std::move(request));
        if (const auto nonce = answer.find("replay-nonce"))
            nonces_.put(*nonce, options.clock->now());
        co_return answer;
    } catch (const error& e) {
        throw error(e.code(), step, e.explanation());
    } catch (const boost::system::system_error& e) {
        throw error(e.code(), step, e.code().message());
    }
}

asio::awaitable<std::string> client::session::async_nonce()
{
    constexpr const char* step = "newNonce";
    if (auto nonce = nonces_.take(options.clock->now()))
        co_return std::move(*nonce);
    const directory d = co_await async_directory();
    https_request request("HEAD", d.new_nonce);
    const https_response answer = co_await async_send(std::move(request), step);
    if (answer.status / 100 != 2)
        refuse(answer, step);
    auto nonce = nonces_.take(options.clock->now());
    if (!nonce)
        throw error(errc::unexpected_answer, step, "no usable Replay-Nonce field");
    co_return std::move(*nonce);
}

std::string client::session::sign(const signed_request& request, std::string_view nonce) const
{
    const std::string payload = request.payload_for ? request.payload_for(request.url) : request.payload;
    if (request.jwk_key) {
        const key& k = request.jwk_key;
        return sign_jws(k, protected_header_jwk(jws_algorithm(k), nonce, request.url, jwk(k)), payload);
    }
    const key& k = options.account_key;
    if (options.account_url.empty())
        throw error(errc::account_does_not_exist, request.step, "no account yet: register first");
    return sign_jws(k, protected_header_kid(jws_algorithm(k), nonce, request.url, options.account_url), payload);
}

asio::awaitable<https_response> client::session::async_post(const signed_request& request)
{
    const slots::lease place = co_await async_enter(places_, request.step);
    for (unsigned signatures = 1;; ++signatures) {
        const std::string nonce = co_await async_nonce();
        https_request r("POST", request.url);
        r.content_type = "application/jose+json";
        r.accept = request.accept;
        r.body_limit = request.body_limit;
        r.body = sign(request, nonce);
        https_response answer = co_await async_send(std::move(r), request.step);
        if (answer.status / 100 == 2)
            co_return answer;
        const problem p = parse_problem(answer.body, answer.media_type(), answer.status);
        const bool perhaps_done = answer.resent && !request.repeatable;
        if (p.code() != errc::bad_nonce || perhaps_done || signatures == max_signatures)
            refuse(answer, request.step);
        // RFC 8555 section 6.5: the next attempt takes this answer's nonce; the others are as stale as the one refused.
        nonces_.clear();
        nonces_.put(answer.find("replay-nonce").value_or(""), options.clock->now());
    }
}

asio::awaitable<https_response> client::session::async_post(signed_request& request, std::string directory::* resource)
{
    for (;;) {
        const bool cached = fresh();
        const directory d = co_await async_directory();
        request.url = d.*resource;
        if (request.url.empty())
            throw error(errc::unexpected_answer, request.step, "the CA's directory does not offer this operation");
        try {
            co_return co_await async_post(request);
        } catch (const error& e) {
            if (!cached || request.names_another_thing || !gone(e))
                throw;
        }
        directory_.reset();
    }
}

void client::session::refuse(const https_response& answer, const char* step) const
{
    if (answer.status >= 300 && answer.status < 400) {
        const std::string where = printable(answer.find("location").value_or("nowhere"), 200);
        throw error(errc::unexpected_answer, step, "a redirect (" + std::to_string(answer.status) + ") to " + where);
    }
    if (answer.status < 400 || answer.status > 599)
        throw error(errc::unexpected_answer, step, "HTTP status " + std::to_string(answer.status));
    problem p = parse_problem(answer.body, answer.media_type(), answer.status);
    if (const auto after = retry_after(answer))
        p.retry_after = options.clock->now() + *after;
    const auto code = make_error_code(p.code());
    throw with_advice(error(code, step, std::move(p)));
}

std::optional<std::chrono::seconds> client::session::retry_after(const https_response& answer) const
{
    const auto value = answer.find("retry-after");
    return value ? parse_retry_after(*value, options.clock->now()) : std::nullopt;
}

std::string client::session::location(const https_response& answer, const std::string& request_url, const char* step)
{
    const auto value = answer.find("location");
    if (!value)
        throw error(errc::unexpected_answer, step, "no Location field");
    auto url = resolve(request_url, *value);
    if (!url)
        throw error(errc::unexpected_answer, step, "not an https URL in Location: " + printable(*value, 200));
    return std::move(*url);
}

void expect_media_type(const https_response& answer, std::string_view wanted, const char* step)
{
    const std::string type = answer.media_type();
    if (type.empty() || type == wanted)
        return;
    throw error(errc::unexpected_answer, step,
        printable(type, 100) + " instead of " + std::string(wanted) + ": " + printable(answer.body, 200));
}

} // namespace acme
