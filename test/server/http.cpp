#include "server/authority.hpp"

#include <acme/http.hpp>

#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <ostream>
#include <string>

namespace acme::test {
namespace {

namespace http = boost::beast::http;
namespace data = boost::unit_test::data;

http_response redirect(http::verb method, const std::string& host, const std::string& target, std::uint16_t port = 443)
{
    http_request request(method, target, 11);
    if (host != "-")
        request.set(http::field::host, host);
    return redirect_http(request, port);
}

struct redirect_case
{
    std::string host;
    std::string target;
    // Empty: 400.
    std::string location;

    friend std::ostream& operator<<(std::ostream& out, const redirect_case& c)
    {
        return out << "Host: " << c.host << " target: " << c.target;
    }
};

const redirect_case redirects[] = {
    {"example.com", "/", "https://example.com/"},
    {"example.com", "/a/b.html?c=d&e=f", "https://example.com/a/b.html?c=d&e=f"},
    {"EXAMPLE.com.", "/", "https://example.com/"},
    {"example.com:80", "/", "https://example.com/"},
    {"example.com:", "/", "https://example.com/"},
    {"localhost:8080", "/x", "https://localhost/x"},
    {"127.0.0.1:5002", "/", "https://127.0.0.1/"},
    {"[::1]", "/", "https://[::1]/"},
    {"[2001:DB8:0::1]:80", "/", "https://[2001:db8::1]/"},
    {"xn--bcher-kva.example", "/", "https://xn--bcher-kva.example/"},
    {"example.com", "*", "https://example.com/"},
    {"example.com", "/%0d%0aSet-Cookie:%20x", "https://example.com/%0d%0aSet-Cookie:%20x"},
    // The authority is ours whatever the path looks like.
    {"example.com", "//evil.example/", "https://example.com//evil.example/"},
    {"example.com", "/@evil.example/", "https://example.com/@evil.example/"},
    // Absolute form: its host counts, not the field's.
    {"proxy.example", "http://example.com/a?b", "https://example.com/a?b"},
    {"proxy.example", "HTTP://Example.Com:80", "https://example.com/"},
    {"proxy.example", "http://example.com?q", "https://example.com/?q"},
    {"-", "http://example.com/", "https://example.com/"},
    {"proxy.example", "https://example.com/", "https://example.com/"},

    {"-", "/", ""},
    {"", "/", ""},
    {"example.com", "", ""},
    {"example.com", "evil.example", ""},
    {"example.com", "@evil.example/", ""},
    {"example.com", ".evil.example/", ""},
    {"example.com", "evil.example:443", ""},
    {"example.com", "javascript:alert(1)", ""},
    {"example.com", "ftp://example.com/", ""},
    {"example.com", "http://", ""},
    {"example.com", "http:///path", ""},
    {"example.com", "http://user@example.com/", ""},
    {"example.com", "http://user:password@example.com/", ""},
    {"example.com", "http://exa mple.com/", ""},
    {"example.com", "http://evil.example\\@example.com/", ""},
    {"example.com", "/\r\nSet-Cookie: x", ""},
    {"example.com", "/\nx", ""},
    {"example.com", "/a b", ""},
    {"example.com", "/\x7f", ""},
    {"example.com", "/\xc3\xa4", "https://example.com/%C3%A4"},
    {"example.com", "/<script>", "https://example.com/%3Cscript%3E"},
    {"example.com", "/wiki?a={1|2}^`\"", "https://example.com/wiki?a=%7B1%7C2%7D%5E%60%22"},
    {"example.com", "/a#b", ""},
    {"example.com", "/a\\b", ""},
    {"example.com", "/\\evil.example", ""},
    {"example.com", "/a#b", ""},
    {std::string("exa\0mple.com", 12), "/", ""},
    {"example.com/", "/", ""},
    {"example.com/evil", "/", ""},
    {"example.com@evil.example", "/", ""},
    {"user@example.com", "/", ""},
    {"example.com, evil.example", "/", ""},
    {"example.com evil.example", "/", ""},
    {"example.com:80:80", "/", ""},
    {"example.com:x", "/", ""},
    {"example.com:65536", "/", ""},
    {"example.com:-1", "/", ""},
    {"example..com", "/", ""},
    {".example.com", "/", ""},
    {"example.com..", "/", ""},
    {"-example.com", "/", ""},
    {"example-.com", "/", ""},
    {"exam_ple.com", "/", "https://exam_ple.com/"},
    {"*.example.com", "/", ""},
    {"ex%61mple.com", "/", ""},
    {"b\xc3\xbc"
     "cher.example",
        "/", ""},
    {"256.0.0.1", "/", ""},
    {"127.1", "/", ""},
    {"0x7f.0.0.1", "/", ""},
    {"2130706433", "/", ""},
    {"::1", "/", ""},
    {"[::1", "/", ""},
    {"[::1]x", "/", ""},
    {"[fe80::1%25eth0]", "/", ""},
    {"[fe80::1%eth0]", "/", ""},
    {"[evil.example]", "/", ""},
    {"[]", "/", ""},
    {"]", "/", ""},
    {std::string(64, 'a') + ".example", "/", ""},
    {std::string(254, 'a'), "/", ""},
};

BOOST_AUTO_TEST_SUITE(redirect_http_)

BOOST_DATA_TEST_CASE(the_location_is_the_same_resource_over_https_or_there_is_none, data::make(redirects), c)
{
    auto response = redirect(http::verb::get, c.host, c.target);
    BOOST_TEST(response[http::field::location] == c.location);
    BOOST_TEST(response.result_int() == (c.location.empty() ? 400U : 301U));
    BOOST_TEST(response.count(http::field::location) == (c.location.empty() ? 0U : 1U));
}

BOOST_AUTO_TEST_CASE(a_method_with_a_body_keeps_it)
{
    BOOST_TEST(redirect(http::verb::get, "a.example", "/").result_int() == 301U);
    const auto head = redirect(http::verb::head, "a.example", "/");
    BOOST_TEST(head.result_int() == 301U);
    BOOST_TEST(head.body() == "");
    BOOST_TEST(
        head[http::field::content_length] == redirect(http::verb::get, "a.example", "/")[http::field::content_length]);
    for (auto method : {http::verb::post, http::verb::put, http::verb::delete_, http::verb::patch, http::verb::options,
             http::verb::unknown})
        BOOST_TEST(redirect(method, "a.example", "/").result_int() == 308U);
    BOOST_TEST(redirect(http::verb::connect, "a.example", "a.example:443").result_int() == 400U);
    BOOST_TEST(redirect(http::verb::connect, "a.example", "/").result_int() == 400U);
}

BOOST_AUTO_TEST_CASE(another_port_of_https_is_named)
{
    auto location = [](const std::string& host) {
        return std::string(redirect(http::verb::get, host, "/x", 5001)[http::field::location]);
    };
    BOOST_TEST(location("a.example:80") == "https://a.example:5001/x");
    BOOST_TEST(location("[::1]:80") == "https://[::1]:5001/x");
}

BOOST_AUTO_TEST_CASE(two_host_fields_are_refused)
{
    http_request request(http::verb::get, "/", 11);
    request.insert(http::field::host, "a.example");
    request.insert(http::field::host, "b.example");
    BOOST_TEST(redirect_http(request).result_int() == 400U);
    request.target("http://c.example/");
    BOOST_TEST(redirect_http(request).result_int() == 400U);
}

BOOST_AUTO_TEST_CASE(the_body_repeats_nothing_of_the_request)
{
    auto response = redirect(http::verb::get, "needle.example", "/needle");
    BOOST_TEST(response.body().find("needle") == std::string::npos);
    BOOST_TEST(response[http::field::content_length] == std::to_string(response.body().size()));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
