#include "protocol/host_name.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>

using acme::normalize_host_name;
using namespace std::string_view_literals;

namespace {

std::string repeated(std::string_view s, std::size_t n)
{
    std::string out;
    while (n-- > 0)
        out += s;
    return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(host_name)

BOOST_AUTO_TEST_CASE(good_names_are_put_into_one_spelling)
{
    const std::pair<std::string, std::string> table[] = {
        {"example.com", "example.com"},
        {"WWW.Example.COM", "www.example.com"},
        {"www.example.com.", "www.example.com"},
        {"a.example.test", "a.example.test"},
        {"shop.example", "shop.example"},
        {"a.b", "a.b"},
        {"3com.com", "3com.com"},
        {"1.2.3.4.example.com", "1.2.3.4.example.com"},
        {"x-y--z.example", "x-y--z.example"},
        {"0x7f.example", "0x7f.example"},
        {"xn--bcher-kva.example", "xn--bcher-kva.example"},
        {"XN--BCHER-KVA.Example", "xn--bcher-kva.example"},
        {"example.xn--p1ai", "example.xn--p1ai"},
        {"a.b.c.d.e.f.g.h.example.com", "a.b.c.d.e.f.g.h.example.com"},
        {std::string(63, 'a') + ".example", std::string(63, 'a') + ".example"},
        {"www.www.example", "www.www.example"},
        {"a.a.example.com", "a.a.example.com"},
    };
    for (const auto& [in, out] : table) {
        const auto name = normalize_host_name(in);
        BOOST_TEST_REQUIRE(bool(name), in << ": " << name.why);
        BOOST_TEST(*name == out);
    }
}

BOOST_AUTO_TEST_CASE(the_longest_name_is_253_octets)
{
    const std::string label(61, 'a');
    std::string name = label + '.' + label + ".b" + label.substr(1) + '.' + std::string(63, 'a') + ".ex";
    BOOST_TEST_REQUIRE(name.size() == 252U);
    BOOST_TEST(bool(normalize_host_name(name + 'a')));
    BOOST_TEST(bool(normalize_host_name(name + "a.")));
    BOOST_TEST(!normalize_host_name(name + "aa"));
    BOOST_TEST(!normalize_host_name(std::string(1'000'000, 'a')));
    BOOST_TEST(!normalize_host_name(repeated("a.", 500'000)));
}

BOOST_AUTO_TEST_CASE(bad_names_are_refused_with_a_reason)
{
    const std::pair<std::string, std::string_view> table[] = {
        {"", "empty"},
        {".", "empty"},
        {"..", "empty"},
        {".example.com", "empty"},
        {"example..com", "empty"},
        {"example.com..", "empty"},
        {std::string(64, 'a') + ".example", "63"},
        {"a.b.c.d.e.f.g.h.i.example.com", "10 labels"},
        {"-a.example", "hyphen"},
        {"a-.example", "hyphen"},
        {"-.example", "hyphen"},
        {"ab--c.example", "hyphens"},
        {"xn--.example", "hyphen"},
        {"xn--a.example", "decode"},
        {"xn--\x80.example", "character"},
        {"xn--99999999.example", "decode"},
        {"xn--a-.example", "hyphen"},
        {"*", "wildcard"},
        {"*.example.com", "wildcard"},
        {"a.*.example.com", "wildcard"},
        {"_dmarc.example.com", "character"},
        {"a b.example", "character"},
        {std::string("a\0.example", 10), "character"},
        {"a\r\nb.example", "character"},
        {"a%2e.example", "character"},
        {"a/b.example", "character"},
        {"a\\b.example", "character"},
        {"\"a\".example", "character"},
        {"b\xc3\xbc"
         "cher.example",
            "character"},
        {"\xff.example", "character"},
        {"user@example.com", "character"},
        {"example.com:443", "IP address"},
        {"localhost", "single label"},
        {"com", "single label"},
        {"localhost.", "single label"},
        {"127.0.0.1", "IP address"},
        {"127.0.0.1.", "IP address"},
        {"1.2.3", "IP address"},
        {"2130706433", "IP address"},
        {"0x7f000001", "IP address"},
        {"0X7F.1", "IP address"},
        {"127.0.0.0x1", "IP address"},
        {"017700000001", "IP address"},
        {"example.123", "IP address"},
        {"example.0x", "IP address"},
        {"::1", "IP address"},
        {"[::1]", "IP address"},
        {"fe80::1%eth0", "IP address"},
        {"::ffff:127.0.0.1", "IP address"},
        {"1.0.0.127.in-addr.arpa", ".arpa"},
        {"8.b.d.0.1.0.0.2.ip6.arpa", ".arpa"},
        {"router.home.arpa", ".arpa"},
        {"expyuzz4wqqyqhjn.onion", ".onion"},
        {"www.www.example.com", "repeats"},
        {"www.www.www.example", "repeats"},
        {"a.www.www.example.com", "repeats"},
        {"a.a.a.example.com", "repeats"},
        {"mail.mail.example.com", "repeats"},
    };
    for (const auto& [in, reason] : table) {
        const auto name = normalize_host_name(in);
        BOOST_TEST(!name, in);
        BOOST_TEST(name.why.find(reason) != std::string::npos, in << ": " << name.why);
    }
}

BOOST_AUTO_TEST_CASE(a_reason_never_quotes_the_name)
{
    const auto name = normalize_host_name("\x1b[31mevil\r\n.example");
    BOOST_TEST(!name);
    BOOST_TEST(name.why.find("evil") == std::string::npos);
    BOOST_TEST(name.why.size() < 100U);
}

BOOST_AUTO_TEST_CASE(a_normalized_name_stays_and_has_only_safe_characters)
{
    constexpr std::string_view alphabet = "aAzZ09-..xn_*:%/\0 \x80"sv;
    std::mt19937 random(5);
    unsigned good = 0;
    for (int round = 0; round < 200'000; ++round) {
        std::string in;
        for (std::size_t n = random() % 12; n > 0; --n)
            in += alphabet[random() % (random() % 4 ? 10 : alphabet.size())];
        const auto name = normalize_host_name(in);
        if (!name)
            continue;
        ++good;
        BOOST_REQUIRE(name->find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == std::string::npos);
        BOOST_REQUIRE(normalize_host_name(*name).value == *name);
    }
    BOOST_TEST(good > 1000U);
}

BOOST_AUTO_TEST_SUITE_END()
