#include "integration/clients.hpp"
#include "integration/site.hpp"

#include <boost/test/unit_test.hpp>

/// Server names from the network, octet by octet over real TLS.
namespace acme::test {
namespace {

using namespace std::string_literals;
using namespace std::chrono_literals;

constexpr int alert_record = 21;
constexpr int handshake_record = 22;

std::string repeated(const std::string& text, std::size_t count)
{
    std::string all;
    while (count-- > 0)
        all += text;
    return all;
}

BOOST_AUTO_TEST_SUITE(host_names, *needs_pebble())

BOOST_AUTO_TEST_CASE(names_that_are_none_end_with_an_alert_and_never_reach_the_ca)
{
    pebble ca;
    site s(ca);
    s.serve();
    auto before = ca.count_in_log(" -> calling handler()");
    for (const auto& name :
        {""s, "."s, ".."s, ".example.com"s, "example.com.."s, "a..example.com"s, "localhost"s, "example"s, "*"s,
            "*.example.com"s, "a.*.example.com"s, "under_score.example.com"s, "-a.example.com"s, "a-.example.com"s,
            "127.0.0.1"s, "127.0.0.1."s, "127.1"s, "2130706433"s, "0x7f000001"s, "1.2.3.0x4"s, "::1"s, "[::1]"s,
            "fe80::1%eth0"s, "nul\0.example.com"s, "nul.example.com\0"s, "\0"s, "a b.example.com"s,
            "tab\t.example.com"s, "new\r\nline.example.com"s, "\x1b[31mred.example.com"s, "p%41.example.com"s,
            "a/b.example.com"s, "..\\..\\example.com"s, "../../example.com"s, "quote\".example.com"s,
            "m\xc3\xbcnchen.example.com"s, "\xff\xfe.example.com"s, "xn--\xc3\xbc.example.com"s, "xn--.example.com"s,
            "xn--999999999.example.com"s, "ab--c.example.com"s, "1.0.0.127.in-addr.arpa"s, "secret.onion"s,
            "www.www.www.example.com"s, std::string(64, 'a') + ".example.com", repeated("a.", 120) + "example.com",
            repeated(std::string(49, 'b') + ".", 5) + "com.x", repeated(std::string(60, 'c') + ".", 4) + "0123456.com",
            std::string(4000, 'a') + ".example.com", "user@example.com"s, "example.com:443"s, "https://example.com"s}) {
        auto answer = send_client_hello(s.port(), name);
        BOOST_TEST(answer.content_type == alert_record, "for " << name.substr(0, 40));
        // decode_error is the TLS library's own word for an empty name.
        BOOST_TEST((answer.alert == 112 || answer.alert == 50 || answer.alert == 47),
            answer.alert << " for " << name.substr(0, 40));
    }
    std::this_thread::sleep_for(100ms);
    BOOST_TEST(ca.count_in_log(" -> calling handler()") == before);
    BOOST_TEST(s.events<issuance_failed>().empty());
}

BOOST_AUTO_TEST_CASE(a_hello_without_a_name_gets_unrecognized_name)
{
    auto& ca = usual_ca();
    site s(ca);
    s.serve();
    auto orders = ca.orders();
    auto peer = s_client("", s.port(), ca.root_file());
    BOOST_TEST((peer.alert == 112), peer.text);
    auto old = s_client("", s.port(), ca.root_file(), {"-tls1_2"});
    BOOST_TEST((old.alert == 112), old.text);
    auto failures = s.handshake_failures();
    BOOST_TEST_REQUIRE(failures.size() == 2U);
    BOOST_TEST((failures[0].code() == errc::no_server_name));
    BOOST_TEST(ca.orders() == orders);
}

BOOST_AUTO_TEST_CASE(spellings_of_one_name_share_one_certificate)
{
    auto& ca = usual_ca();
    site s(ca);
    s.serve();
    auto orders = ca.orders();
    for (const char* name : {"Spelling.EXAMPLE", "spelling.example.", "SPELLING.example", "spelling.example"})
        BOOST_TEST(send_client_hello(s.port(), name).content_type == handshake_record, name);
    BOOST_TEST(ca.orders() - orders == 1U);
    BOOST_TEST(s.obtain("spelling.example")->names().at(0) == "spelling.example");
}

BOOST_AUTO_TEST_CASE(internationalized_names_are_served_as_a_labels)
{
    auto& ca = usual_ca();
    site s(ca);
    s.serve();
    auto peer = s_client("xn--mnchen-3ya.example", s.port(), ca.root_file());
    BOOST_TEST(peer.verified, peer.text);
    BOOST_TEST(s.obtain("XN--MNCHEN-3YA.example")->names().at(0) == "xn--mnchen-3ya.example");
}

BOOST_AUTO_TEST_CASE(a_validation_that_was_not_asked_for_gets_no_certificate)
{
    auto& ca = usual_ca();
    site_options options;
    options.config.challenge_grace = 0s;
    site s(ca, options);
    s.serve();
    s.obtain("stranger.example");
    for (const char* name : {"stranger.example", "unknown-stranger.example"}) {
        auto peer = s_client(name, s.port(), ca.root_file(), {"-alpn", "acme-tls/1"});
        BOOST_TEST((peer.alert == 120), peer.text);
    }
    auto mixed = s_client("stranger.example", s.port(), ca.root_file(), {"-alpn", "acme-tls/1,http/1.1"});
    BOOST_TEST(mixed.verified, mixed.text);
    BOOST_TEST(mixed.text.find("ALPN protocol: acme-tls/1") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
