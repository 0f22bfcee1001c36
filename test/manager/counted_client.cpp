#include "manager/counted_client.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

namespace acme::test {
namespace {

std::string key_of(const char* address)
{
    return client_key(asio::ip::make_address(address));
}

BOOST_AUTO_TEST_SUITE(counted_clients)

BOOST_AUTO_TEST_CASE(a_client_is_an_ipv4_address_or_an_ipv6_network_of_64_bits)
{
    BOOST_TEST(key_of("192.0.2.1") != key_of("192.0.2.2"));
    BOOST_TEST(key_of("192.0.2.1") == key_of("::ffff:192.0.2.1"));
    BOOST_TEST(key_of("192.0.2.1") != key_of("::ffff:192.0.2.2"));
    BOOST_TEST(key_of("2001:db8::1") == key_of("2001:db8::ffff:ffff:ffff:ffff"));
    BOOST_TEST(key_of("2001:db8::1") != key_of("2001:db8:0:1::1"));
    BOOST_TEST(key_of("::1") != key_of("0.0.0.0"));
}

BOOST_AUTO_TEST_CASE(nothing_is_left_of_clients_that_are_gone)
{
    client_counts counts;
    {
        const counted_client a(counts, "a"), again(counts, "a"), b(counts, "b"), unknown(counts, "");
        BOOST_TEST(a.count() == 1U);
        BOOST_TEST(again.count() == 2U);
        BOOST_TEST(b.count() == 1U);
        BOOST_TEST(unknown.count() == 0U);
        BOOST_TEST(counts.size() == 2U);
    }
    BOOST_TEST(counts.empty());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
