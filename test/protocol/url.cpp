#include "protocol/url.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>

using acme::acceptable_url;
using acme::resolve;
using namespace std::string_view_literals;

BOOST_AUTO_TEST_SUITE(url)

BOOST_AUTO_TEST_CASE(absolute_https_urls_are_acceptable)
{
    for (const auto u : {"https://ca.example/", "https://ca.example", "https://127.0.0.1:14000/dir",
             "https://[::1]:14000/dir", "HTTPS://ca.example/a?b=c", "https://ca.example:/x",
             "https://ca.example:65535/", "https://acme-v02.api.letsencrypt.org/acme/new-nonce"})
        BOOST_TEST(acceptable_url(u), u);
    const std::string longest = "https://ca.example/" + std::string(2048 - 19, 'x');
    BOOST_TEST(acceptable_url(longest));
}

BOOST_AUTO_TEST_CASE(everything_else_is_not)
{
    for (const auto u : {""sv, "http://ca.example/"sv, "javascript:alert(1)"sv, "/acme/new-order"sv, "//ca.example/x"sv,
             "ca.example/x"sv, "https:"sv, "https:/x"sv, "https://"sv, "https:///x"sv, "https://user@ca.example/"sv,
             "https://user:pw@ca.example/"sv, "https://@ca.example/"sv, "https://ca.example:0/"sv,
             "https://ca.example:65536/"sv, "https://ca.example:99999999999/"sv, "https://ca.example:x/"sv,
             "https://ca.example/a b"sv, " https://ca.example/"sv, "https://ca.example/\n"sv,
             "https://ca.example/\r\nHost: evil"sv, "https://ca.example/\0"sv, "https://ca.example/\x7f"sv,
             "https://ca.example/\xc3\xa9"sv, "https://ca.example/#fragment"sv, "https://ca.example/%"sv,
             "https://ca.example/%zz"sv, "https://ca.example\\@evil/"sv, "https://[::1/"sv, "file:///etc/passwd"sv,
             "data:text/plain,x"sv})
        BOOST_TEST(!acceptable_url(u), u);
    const std::string too_long = "https://ca.example/" + std::string(2048 - 18, 'x');
    BOOST_TEST(!acceptable_url(too_long));
}

BOOST_AUTO_TEST_CASE(references_are_resolved_as_rfc_3986_says)
{
    // Section 5.4.1's examples that lead to a URL without fragment, on an https base.
    const std::pair<std::string_view, std::string_view> table[] = {
        {"g", "https://a/b/c/g"},
        {"./g", "https://a/b/c/g"},
        {"g/", "https://a/b/c/g/"},
        {"/g", "https://a/g"},
        {"//g", "https://g"},
        {"?y", "https://a/b/c/d;p?y"},
        {"g?y", "https://a/b/c/g?y"},
        {";x", "https://a/b/c/;x"},
        {"g;x", "https://a/b/c/g;x"},
        {"", "https://a/b/c/d;p?q"},
        {".", "https://a/b/c/"},
        {"..", "https://a/b/"},
        {"../g", "https://a/b/g"},
        {"../..", "https://a/"},
        {"../../g", "https://a/g"},
        {"../../../g", "https://a/g"},
        {"/../g", "https://a/g"},
    };
    for (const auto& [reference, target] : table) {
        const auto found = resolve("https://a/b/c/d;p?q", reference);
        BOOST_TEST(found.value_or("(none)") == target, "'" << reference << "' became " << found.value_or("(none)"));
    }
}

BOOST_AUTO_TEST_CASE(an_absolute_reference_is_kept_byte_for_byte)
{
    for (const auto u : {"https://other.example:443/a/../b/%7Ex?", "HTTPS://Other.Example/./x"})
        BOOST_TEST(resolve("https://ca.example/", u).value_or("") == u);
}

BOOST_AUTO_TEST_CASE(no_reference_leads_to_an_unacceptable_url)
{
    for (const auto r : {"http://ca.example/", "javascript:alert(1)", "//user@evil.example/", "#x", "a b", "\x01",
             "//evil.example:99999/", "https:", "%", "//"})
        BOOST_TEST(!resolve("https://ca.example/a", r), r);
    BOOST_TEST(!resolve("http://ca.example/a", "b"));
    BOOST_TEST(!resolve("", "b"));
    BOOST_TEST(!resolve("https://ca.example/" + std::string(2020, 'x') + "/", std::string(100, 'y')));
}

BOOST_AUTO_TEST_CASE(random_references_never_break_out)
{
    constexpr std::string_view alphabet = "a.:/?#@[]%20\\;=&,-_~hts\0\x80 "sv;
    std::mt19937 random(2);
    for (int round = 0; round < 50'000; ++round) {
        std::string r;
        for (std::size_t n = random() % 24; n > 0; --n)
            r += alphabet[random() % alphabet.size()];
        if (const auto found = resolve("https://ca.example:14000/dir/x", r))
            BOOST_REQUIRE(acceptable_url(*found));
        acceptable_url("https://" + r);
    }
}

BOOST_AUTO_TEST_SUITE_END()
