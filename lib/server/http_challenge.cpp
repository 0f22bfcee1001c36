#include "protocol/challenge_token.hpp"
#include "server/response.hpp"

#include <acme/http.hpp>
#include <acme/manager.hpp>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>

#include <algorithm>
#include <string>
#include <string_view>

namespace acme {
namespace {

namespace http = boost::beast::http;

constexpr std::string_view prefix = "/.well-known/acme-challenge/";

// As it came; also of a target in absolute form (RFC 9112 section 3.2.2).
std::string_view path_of(std::string_view target)
{
    for (std::string_view scheme : {"http://", "https://"}) {
        if (target.size() < scheme.size() || !boost::beast::iequals(target.substr(0, scheme.size()), scheme))
            continue;
        target.remove_prefix(scheme.size());
        return target.substr(std::min(target.find_first_of("/?"), target.size()));
    }
    return target;
}

bool is_read(const http::request_header<>& request) noexcept
{
    return request.method() == http::verb::get || request.method() == http::verb::head;
}

http_challenge_ptr find(const http::request_header<>& request, std::string_view token, const credentials& pending)
{
    return is_read(request) ? pending.find_http_challenge(token) : nullptr;
}

http_response response_to(const http::request_header<>& request, const http_challenge_ptr& found)
{
    auto response = plain_response(found ? http::status::ok : http::status::not_found);
    response.version(request.version());
    if (found) {
        response.set(http::field::content_type, "application/octet-stream");
        response.body() = found->key_authorization;
    }
    frame_response(response, request.method());
    return response;
}

http_response respond(const http::request_header<>& request, const http_challenge_ptr& found, manager& certificates)
{
    if (found)
        certificates.validation_answered(found->host, "http-01");
    return response_to(request, found);
}

} // namespace

std::optional<http_response> answer_http_challenge(const http::request_header<>& request, const credentials& pending)
{
    const auto path = path_of(request.target());
    if (!path.starts_with(prefix))
        return std::nullopt;
    return response_to(request, find(request, path.substr(prefix.size()), pending));
}

std::optional<http_response> answer_http_challenge(const http::request_header<>& request, manager& certificates)
{
    const auto path = path_of(request.target());
    if (!path.starts_with(prefix))
        return std::nullopt;
    return respond(request, find(request, path.substr(prefix.size()), *certificates.credentials()), certificates);
}

boost::asio::awaitable<std::optional<http_response>> async_answer_http_challenge(const http::request_header<>& request,
    manager& certificates, std::optional<boost::asio::ip::address> client_address)
{
    const auto path = path_of(request.target());
    if (!path.starts_with(prefix))
        co_return std::nullopt;
    std::string token(path.substr(prefix.size()));
    const auto pending = certificates.credentials();
    auto found = find(request, token, *pending);
    const bool may_come = !found && is_read(request) && is_challenge_token(token) && pending->learns_challenges();
    if (may_come)
        found = co_await certificates.async_find_http_challenge(token, client_address);
    co_return respond(request, found, certificates);
}

} // namespace acme
