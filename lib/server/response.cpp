#include "server/response.hpp"

#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>

#include <array>
#include <cstdio>

namespace acme {
namespace {

namespace http = boost::beast::http;

bool may_have_body(http::status status) noexcept
{
    return status != http::status::no_content && status != http::status::not_modified;
}

} // namespace

std::string http_date(std::chrono::system_clock::time_point t)
{
    constexpr std::array<const char*, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<const char*, 12> months = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    auto day = std::chrono::floor<std::chrono::days>(t);
    std::chrono::year_month_day date(day);
    std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(t - day));
    char text[64];
    std::snprintf(text, sizeof text, "%s, %02u %s %04d %02d:%02d:%02d GMT",
        days[std::chrono::weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
        months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
        static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
        static_cast<int>(time.seconds().count()));
    return text;
}

http_response plain_response(http::status status)
{
    http_response response(status, 11);
    response.set(http::field::content_type, "text/plain; charset=utf-8");
    response.body() = std::string(http::obsolete_reason(status)) + "\n";
    return response;
}

void frame_response(http_response& response, http::verb method)
{
    // The length of a body that was left out already is known to whoever left it out.
    const bool is_framed = method == http::verb::head && response.body().empty() && response.has_content_length();
    if (!is_framed)
        response.content_length(response.body().size());
    if (method == http::verb::head)
        response.body().clear();
}

void complete_response(
    http_response& response, const http_request& request, bool keep_alive, std::chrono::system_clock::time_point now)
{
    bool application_keeps_alive = response.keep_alive();
    response.version(request.version());
    response.keep_alive(keep_alive && application_keeps_alive);
    response.erase(http::field::transfer_encoding);
    if (may_have_body(response.result())) {
        frame_response(response, request.method());
    } else {
        response.erase(http::field::content_length);
        response.body().clear();
    }
    if (response.count(http::field::date) == 0)
        response.set(http::field::date, http_date(now));
    if (response.count(http::field::server) == 0)
        response.set(http::field::server, "asio-acme");
}

} // namespace acme
