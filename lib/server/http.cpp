#include "server/location.hpp"
#include "server/response.hpp"

#include <acme/http.hpp>

#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>

#include <string>
#include <string_view>

namespace acme {
namespace {

namespace http = boost::beast::http;

bool is_url_character(char c) noexcept
{
    constexpr std::string_view excluded = "\"#<>\\^`{|}";
    return c > ' ' && c < '\x7f' && excluded.find(c) == excluded.npos;
}

// As browsers send them in a query, though RFC 3986 does not know them.
std::string percent_encoded(std::string_view target)
{
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string text;
    for (char c : target) {
        if (is_url_character(c)) {
            text += c;
            continue;
        }
        const auto octet = static_cast<unsigned char>(c);
        text.append({'%', digits[octet >> 4], digits[octet & 0xf]});
    }
    return text;
}

http_response plain_text(http::status status, const http::request_header<>& request, std::string body)
{
    http_response response(status, request.version());
    response.set(http::field::content_type, "text/plain; charset=utf-8");
    response.body() = std::move(body);
    frame_response(response, request.method());
    return response;
}

} // namespace

http_response redirect_http(const http::request_header<>& request, std::uint16_t https_port)
{
    auto where = requested_location(request);
    if (!where)
        return plain_text(http::status::bad_request, request, "No host to redirect to.\n");
    bool safe = request.method() == http::verb::get || request.method() == http::verb::head;
    auto status = safe ? http::status::moved_permanently : http::status::permanent_redirect;
    auto response = plain_text(status, request, "This is served over HTTPS.\n");
    auto port = https_port == 443 ? std::string() : ":" + std::to_string(https_port);
    response.set(http::field::location, "https://" + where->host + port + percent_encoded(where->target));
    return response;
}

} // namespace acme
