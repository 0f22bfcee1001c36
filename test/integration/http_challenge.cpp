#include "integration/clients.hpp"
#include "integration/site.hpp"

#include <boost/test/unit_test.hpp>

#include <regex>

/// http-01, where the CA can't reach port 443.
namespace acme::test {
namespace {

using namespace std::chrono_literals;

const std::string host = "over-http.example";

pebble_options with_http_for_the_test()
{
    pebble_options o;
    o.answers_http_01 = false;
    return o;
}

struct answer_over_http
{
    std::string status;
    std::string body;
    std::string redirect;
};

answer_over_http fetch(std::uint16_t port, const std::string& path)
{
    const auto got = run_process({"curl", "-s", "--path-as-is", "--max-time", "10", "--connect-to",
        "::127.0.0.1:" + std::to_string(port), "-w", "\n%{http_code}\n%{redirect_url}", "http://" + host + path});
    answer_over_http answer;
    const auto redirect = got.out.rfind('\n');
    const auto status = got.out.rfind('\n', redirect - 1);
    BOOST_TEST_REQUIRE(status != std::string::npos);
    answer.redirect = got.out.substr(redirect + 1);
    answer.status = got.out.substr(status + 1, redirect - status - 1);
    answer.body = got.out.substr(0, status);
    return answer;
}

/// Of the URL that the CA says it fetched.
std::string validated_token(const pebble& ca)
{
    std::smatch found;
    const auto log = ca.log();
    BOOST_TEST_REQUIRE(std::regex_search(log, found, std::regex("acme-challenge/([A-Za-z0-9_-]+)")), log);
    return found[1];
}

BOOST_AUTO_TEST_SUITE(over_http, *needs_pebble())

BOOST_AUTO_TEST_CASE(a_site_that_the_ca_reaches_at_port_80_only_gets_its_certificate_in_the_second_attempt)
{
    pebble ca(with_http_for_the_test());
    auto clock = std::make_shared<pushed_clock>();
    site_options options;
    options.config.clock = clock;
    options.config.challenge_grace = 1h;
    site s(ca, options);
    s.serve_out_of_reach_of_tls(ca.http_port());

    const auto refused = s.failure_to_obtain(host);
    BOOST_TEST((refused.code() == errc::authorization_invalid), refused.what());
    BOOST_TEST((s.failure_to_obtain(host).code() == errc::recently_failed));
    clock->push(10min);
    auto page = curl(host, s.port(), ca.root_file());
    BOOST_TEST(page.body == "Hello, TLS!\n", page.err);
    BOOST_TEST(ca.orders() == 2U);
    BOOST_TEST(s.wait_for_events<acme::validation_answered>(1));

    const std::string prefix = "/.well-known/acme-challenge/";
    const auto token = validated_token(ca);
    const auto right = fetch(ca.http_port(), prefix + token);
    BOOST_TEST(right.status == "200");
    BOOST_TEST(right.body.starts_with(token + "."), right.body);
    for (const auto& path : {prefix, prefix + token + "/", prefix + token + "?x", prefix + token.substr(1),
             prefix + "%2e/" + token, prefix + "../../index.html", prefix + "../acme-challenge/" + token}) {
        const auto wrong = fetch(ca.http_port(), path);
        BOOST_TEST(wrong.status == "404", path);
        BOOST_TEST(wrong.redirect.empty(), path);
    }
    BOOST_TEST(fetch(ca.http_port(), "/x").redirect == "https://" + host + ":" + std::to_string(s.port()) + "/x");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
