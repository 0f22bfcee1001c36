#include "crypto/ip_address.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace acme;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(ip_address)

BOOST_AUTO_TEST_CASE(text_and_octets_of_both_versions)
{
    BOOST_TEST(ip_octets("192.0.2.255").value() == "\xc0\x00\x02\xff"s);
    BOOST_TEST(ip_octets("2001:db8::1").value() == "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s);
    BOOST_TEST(ip_text("\xc0\x00\x02\xff"s).value() == "192.0.2.255");
    BOOST_TEST(ip_text(ip_octets("2001:0DB8:0:0:1:0:0:1").value()).value() == "2001:db8::1:0:0:1");
    BOOST_TEST(ip_text(ip_octets("2001:db8:0:1:1:1:1:1").value()).value() == "2001:db8:0:1:1:1:1:1");
}

BOOST_AUTO_TEST_CASE(what_is_no_address_is_none)
{
    for (const auto& text :
        {""s, "example.com"s, "1.2.3"s, "1.2.3.4.5"s, "1.2.3.256"s, "01.2.3.4"s, "1.2.3.4 "s, "1.2.3.4\0"s, "[::1]"s,
            "fe80::1%eth0"s, ":::"s, "1:2:3:4:5:6:7:8:9"s, std::string(10000, ':'), "0x7f.1"s, "127.1"s})
        BOOST_TEST_CONTEXT(text.substr(0, 50))
        {
            BOOST_TEST(!ip_octets(text));
            BOOST_TEST(reverse_name(text).empty());
        }
    for (std::size_t size : {0U, 3U, 5U, 15U, 17U})
        BOOST_TEST(!ip_text(std::string(size, '\1')));
}

BOOST_AUTO_TEST_CASE(reverse_names_are_those_of_rfc_1034_and_3596)
{
    BOOST_TEST(reverse_name("127.0.0.1") == "1.0.0.127.in-addr.arpa");
    BOOST_TEST(reverse_name("2001:db8::567:89ab") ==
        "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

BOOST_AUTO_TEST_SUITE_END()
