#include "server/response.hpp"

#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/test/unit_test.hpp>

#include <sstream>

namespace acme::test {
namespace {

namespace http = boost::beast::http;
using namespace std::chrono;

const auto noon = sys_days(year(2026) / November / 23) + hours(12);

std::string sent(http_response response, const http_request& request, bool keep_alive = true)
{
    complete_response(response, request, keep_alive, noon);
    std::ostringstream out;
    out << response;
    return out.str();
}

http_response with_body(std::string body, http::status status = http::status::ok)
{
    http_response response(status, 11);
    response.body() = std::move(body);
    return response;
}

bool has(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

BOOST_AUTO_TEST_SUITE(response)

BOOST_AUTO_TEST_CASE(dates_are_http_dates)
{
    BOOST_TEST(http_date(sys_days(year(1994) / November / 6) + hours(8) + minutes(49) + seconds(37)) ==
        "Sun, 06 Nov 1994 08:49:37 GMT");
    BOOST_TEST(http_date(system_clock::time_point()) == "Thu, 01 Jan 1970 00:00:00 GMT");
    BOOST_TEST(http_date(sys_days(year(2024) / February / 29) + hours(24) - milliseconds(1)) ==
        "Thu, 29 Feb 2024 23:59:59 GMT");
}

BOOST_AUTO_TEST_CASE(length_date_and_server_are_added)
{
    http_request get(http::verb::get, "/", 11);
    auto text = sent(with_body("hello"), get);
    BOOST_TEST(text.starts_with("HTTP/1.1 200 OK\r\n"));
    BOOST_TEST(has(text, "Content-Length: 5\r\n"));
    BOOST_TEST(has(text, "Date: Mon, 23 Nov 2026 12:00:00 GMT\r\n"));
    BOOST_TEST(has(text, "Server: asio-acme\r\n"));
    BOOST_TEST(!has(text, "Connection"));
    BOOST_TEST(text.ends_with("\r\n\r\nhello"));
}

BOOST_AUTO_TEST_CASE(what_the_application_says_of_itself_stays)
{
    http_request get(http::verb::get, "/", 11);
    auto response = with_body("");
    response.set(http::field::server, "mine");
    response.set(http::field::date, "never");
    auto text = sent(response, get);
    BOOST_TEST(has(text, "Server: mine\r\n"));
    BOOST_TEST(has(text, "Date: never\r\n"));
    BOOST_TEST(has(text, "Content-Length: 0\r\n"));
}

BOOST_AUTO_TEST_CASE(framing_is_never_the_applications)
{
    http_request get(http::verb::get, "/", 11);
    auto response = with_body("hello");
    response.set(http::field::transfer_encoding, "chunked");
    response.set(http::field::content_length, "5000");
    auto text = sent(response, get);
    BOOST_TEST(!has(text, "Transfer-Encoding"));
    BOOST_TEST(has(text, "Content-Length: 5\r\n"));
    BOOST_TEST(!has(text, "5000"));
}

BOOST_AUTO_TEST_CASE(head_has_the_length_without_the_body)
{
    http_request head(http::verb::head, "/", 11);
    auto without = with_body("");
    without.content_length(5);
    for (auto& response : {with_body("hello"), without}) {
        auto text = sent(response, head);
        BOOST_TEST(has(text, "Content-Length: 5\r\n"));
        BOOST_TEST(text.ends_with("\r\n\r\n"));
    }
    BOOST_TEST(has(sent(with_body(""), head), "Content-Length: 0\r\n"));
}

BOOST_AUTO_TEST_CASE(a_status_without_a_body_has_none)
{
    http_request get(http::verb::get, "/", 11);
    for (auto status : {http::status::no_content, http::status::not_modified}) {
        auto text = sent(with_body("hello", status), get);
        BOOST_TEST(!has(text, "Content-Length"));
        BOOST_TEST(text.ends_with("\r\n\r\n"));
    }
}

BOOST_AUTO_TEST_CASE(the_connection_is_kept_where_all_agree)
{
    http_request get(http::verb::get, "/", 11);
    http_request old(http::verb::get, "/", 10);
    auto closing = with_body("");
    closing.keep_alive(false);
    BOOST_TEST(has(sent(with_body(""), get, false), "Connection: close\r\n"));
    BOOST_TEST(has(sent(closing, get, true), "Connection: close\r\n"));
    BOOST_TEST(sent(with_body(""), old, false).starts_with("HTTP/1.0 200 OK\r\n"));
    BOOST_TEST(!has(sent(with_body(""), old, false), "Connection"));
    BOOST_TEST(has(sent(with_body(""), old, true), "Connection: keep-alive\r\n"));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
