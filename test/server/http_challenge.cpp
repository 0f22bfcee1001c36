#include "server/bench.hpp"
#include "server/tls_client.hpp"

#include <acme/http.hpp>
#include <acme/serve.hpp>

#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <ostream>
#include <string>

namespace acme::test {
namespace {

namespace http = boost::beast::http;
namespace data = boost::unit_test::data;

const std::string token = "AZaz09-_abcdefghijklmnopqrstuvwxyz";
const std::string prefix = "/.well-known/acme-challenge/";

/// One challenge, for `token`.
class one_challenge : public credentials
{
public:
    certificate_ptr find(std::string_view) const noexcept override { return nullptr; }
    certificate_ptr find_challenge(std::string_view) const noexcept override { return nullptr; }
    http_challenge_ptr find_http_challenge(std::string_view t) const noexcept override
    {
        return t == token ? challenge_ : nullptr;
    }

private:
    http_challenge_ptr challenge_ = std::make_shared<const http_challenge>("a.example", token + ".thumbprint");
};

std::optional<http_response> answer(http::verb method, const std::string& target)
{
    http_request request(method, target, 11);
    request.set(http::field::host, "a.example");
    return answer_http_challenge(request, one_challenge());
}

struct target_case
{
    std::string target;
    // 0: not its business.
    unsigned status;

    friend std::ostream& operator<<(std::ostream& out, const target_case& c) { return out << c.target.substr(0, 100); }
};

const target_case targets[] = {
    {prefix + token, 200},
    // The host is no matter, wherever it is said.
    {"http://a.example" + prefix + token, 200},
    {"HTTP://other.example:80" + prefix + token, 200},

    {prefix, 404},
    {prefix + token + "?", 404},
    {prefix + token + "?a=b", 404},
    {prefix + "?" + token, 404},
    {prefix + token + "/", 404},
    {prefix + "/" + token, 404},
    {prefix + token + "#", 404},
    {prefix + token + "%", 404},
    {prefix + token + "%00", 404},
    {prefix + token + std::string(1, '\0'), 404},
    {prefix + "%41" + token.substr(1), 404},
    {prefix + "%2e/" + token, 404},
    {prefix + "./" + token, 404},
    {prefix + "../acme-challenge/" + token, 404},
    {prefix + "../../", 404},
    {prefix + "../../../../etc/passwd", 404},
    {prefix + "..%2f..%2f", 404},
    {prefix + "..\\..\\", 404},
    {prefix + "a" + token.substr(1), 404},
    {prefix + token.substr(1), 404},
    {prefix + token + "a", 404},
    {prefix + token + ".thumbprint", 404},
    {prefix + token + " ", 404},
    {prefix + std::string(8'000, 'a'), 404},
    {prefix + "\r\nLocation: https://evil.example/", 404},
    {"http://a.example" + prefix + "other", 404},
    {"http://a.example" + prefix + token + "?a", 404},

    {"", 0},
    {"*", 0},
    {"/", 0},
    {"/index.html", 0},
    {"/.well-known/", 0},
    {"/.well-known/acme-challenge", 0},
    {"/.well-known/acme-challenge?" + token, 0},
    {"/.well-known/acme-challenges/" + token, 0},
    {"/.well-known//acme-challenge/" + token, 0},
    {"/.WELL-KNOWN/acme-challenge/" + token, 0},
    {"/%2ewell-known/acme-challenge/" + token, 0},
    {"/.well-known%2facme-challenge/" + token, 0},
    {"//.well-known/acme-challenge/" + token, 0},
    {"/a" + prefix + token, 0},
    {prefix.substr(1) + token, 0},
    {"http://", 0},
    {"http://a.example", 0},
    {"http://a.example?" + prefix + token, 0},
    {"ftp://a.example" + prefix + token, 0},
    {token, 0},
};

BOOST_AUTO_TEST_SUITE(answer_http_challenge_)

BOOST_DATA_TEST_CASE(exactly_the_pending_tokens_are_answered, data::make(targets), c)
{
    for (auto method : {http::verb::get, http::verb::head}) {
        const auto response = answer(method, c.target);
        BOOST_TEST_REQUIRE(response.has_value() == (c.status != 0));
        if (!response)
            continue;
        BOOST_TEST(response->result_int() == c.status);
        BOOST_TEST(response->count(http::field::location) == 0U);
        const auto whole = *answer(http::verb::get, c.target);
        BOOST_TEST((whole.body() == token + ".thumbprint") == (c.status == 200));
        BOOST_TEST(response->body() == (method == http::verb::head ? "" : whole.body()));
        BOOST_TEST((*response)[http::field::content_length] == std::to_string(whole.body().size()));
        if (c.status == 200)
            BOOST_TEST((*response)[http::field::content_type] == "application/octet-stream");
    }
}

BOOST_AUTO_TEST_CASE(other_methods_than_get_and_head_find_nothing)
{
    for (auto method : {http::verb::post, http::verb::put, http::verb::delete_, http::verb::patch, http::verb::options,
             http::verb::trace, http::verb::connect, http::verb::unknown}) {
        const auto response = answer(method, prefix + token);
        BOOST_REQUIRE(response);
        BOOST_TEST(response->result_int() == 404U);
        BOOST_TEST(!answer(method, "/"));
    }
}

BOOST_AUTO_TEST_CASE(the_host_field_does_not_matter)
{
    for (const std::string host :
        {"-", "", "A.EXAMPLE.", "other.example:80", "192.0.2.1", "[::1]", "]", "a b", "evil/"}) {
        for (const int version : {10, 11}) {
            http_request request(http::verb::get, prefix + token, static_cast<unsigned>(version));
            if (host != "-")
                request.set(http::field::host, host);
            request.insert("X-Forwarded-Host", "evil.example");
            auto response = answer_http_challenge(request, one_challenge());
            BOOST_REQUIRE(response);
            BOOST_TEST(response->result_int() == 200U);
            BOOST_TEST(response->version() == request.version());
            request.insert(http::field::host, "second.example");
            response = answer_http_challenge(request, one_challenge());
            BOOST_REQUIRE(response);
            BOOST_TEST(response->result_int() == 200U);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_not_found_repeats_nothing_of_the_request)
{
    const auto response = answer(http::verb::get, prefix + "needle");
    BOOST_REQUIRE(response);
    BOOST_TEST(response->body().find("needle") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

/// A server whose CA validates by http-01 only, and what that CA wants to read.
struct served_over_http
{
    served_over_http()
        : b(patient())
    {
        b.ca->ca.state().options.challenge_types = {"http-01"};
        b.ca->ca.state().options.validate = [this](const testing::validation& v) {
            wanted = v;
            return std::nullopt;
        };
    }

    // Stragglers are answered for longer than any test takes.
    static config patient()
    {
        config c;
        c.challenge_grace = 1h;
        return c;
    }

    void start(bool with_http)
    {
        serve_options o;
        o.https = {{asio::ip::address_v4::loopback(), 0}};
        o.http = o.https;
        o.shutdown_grace = 2s;
        o.on_listening = [this](const listening& l) { where = l; };
        auto hello = [](const http_request&) { return http_response(); };
        auto ended = [this](std::exception_ptr) { done = true; };
        auto server =
            with_http ? async_serve(b.certificates(), hello, o) : async_serve_https(b.certificates(), hello, o);
        asio::co_spawn(b.io, std::move(server), ended);
        b.wait_for([this] { return !where.https.empty(); });
    }

    ~served_over_http()
    {
        b.run(b.certificates().async_shutdown());
        b.wait_for([this] { return done; });
    }

    certificate_ptr obtain() { return b.run(b.certificates().async_get_certificate(std::string("a.example"))); }

    std::string ask(const std::string& line)
    {
        return b.run(talk_tcp(where.http.at(0).port(), line + " HTTP/1.1\r\nHost: a.example\r\n\r\n"));
    }

    bench b;
    testing::validation wanted;
    listening where;
    bool done = false;
};

bool ends_with_body(const std::string& response, const std::string& body)
{
    return response.ends_with("\r\n\r\n" + body);
}

BOOST_FIXTURE_TEST_SUITE(serve_http_challenges, served_over_http)

BOOST_AUTO_TEST_CASE(a_challenge_is_answered_and_all_else_redirected)
{
    start(true);
    BOOST_TEST(obtain());
    BOOST_TEST_REQUIRE(wanted.type == "http-01");
    const auto got = ask("GET " + prefix + wanted.token);
    BOOST_TEST(got.starts_with("HTTP/1.1 200 "));
    BOOST_TEST(got.find("Content-Type: application/octet-stream\r\n") != got.npos);
    BOOST_TEST(ends_with_body(got, wanted.key_authorization), got);
    const auto head = ask("HEAD " + prefix + wanted.token);
    BOOST_TEST(head.starts_with("HTTP/1.1 200 "));
    BOOST_TEST(head.find("Content-Length: " + std::to_string(wanted.key_authorization.size())) != head.npos);
    BOOST_TEST(ends_with_body(head, ""));
    for (const auto& other : {"GET " + prefix + wanted.token + "/", "GET " + prefix + token,
             "POST " + prefix + wanted.token, "GET " + prefix + "../../"}) {
        const auto refused = ask(other);
        BOOST_TEST(refused.starts_with("HTTP/1.1 404 "), other);
        BOOST_TEST(refused.find("Location") == refused.npos);
    }
    BOOST_TEST(ask("GET /").starts_with("HTTP/1.1 301 "));
    // Whatever the Host field says, if there is one.
    for (const auto& host : {"", "Host: b.example\r\nHost: [::1]\r\n"}) {
        const auto request = "GET " + prefix + wanted.token + " HTTP/1.1\r\n" + host + "\r\n";
        BOOST_TEST(b.run(talk_tcp(where.http.at(0).port(), request)).starts_with("HTTP/1.1 200 "), host);
    }
    BOOST_TEST(b.run(talk_tcp(where.http.at(0).port(), "GET / HTTP/1.1\r\n\r\n")).starts_with("HTTP/1.1 400 "));
    // Three for GET, one for HEAD.
    auto answered = [this] {
        return std::count_if(b.events.begin(), b.events.end(), [](const event& e) {
            const auto* told = std::get_if<validation_answered>(&e);
            return told && told->host == "a.example" && told->challenge == "http-01";
        }) == 4;
    };
    b.wait_for(answered);
}

BOOST_AUTO_TEST_CASE(a_server_without_http_does_not_offer_http_01)
{
    start(false);
    const auto refused = [](const error& e) { return e.code() == errc::no_usable_challenge; };
    BOOST_CHECK_EXCEPTION(obtain(), error, refused);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
