#include "transport/global_address.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <string>

namespace acme::test {
namespace {

namespace data = boost::unit_test::data;

const char* const global[] = {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.0.0.1",
    "128.0.0.1", "169.253.0.1", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.1.1", "192.169.0.0", "198.17.0.1",
    "198.20.0.0", "223.255.255.255", "2001:4860:4860::8888", "2001:200::1", "2a00::1", "3ffe::1", "2002:101:101::1",
    "64:ff9b::101:101"};

const char* const special[] = {"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1",
    "127.255.255.255", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1",
    "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.2.3", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:1.1.1.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::101:101", "64:ff9b:0:0:1::101:101", "100::1", "2001::1", "2001:1ff::1",
    "2001:2::1", "2001:10::1", "2001:db8::1", "2002:7f00:1::1", "2002:a00:1::1", "3fff::1", "5f00::1", "fc00::1",
    "fd00:ec2::254", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1", "4000::1"};

BOOST_AUTO_TEST_SUITE(global_address)

BOOST_DATA_TEST_CASE(a_ca_reaches_it_from_anywhere, data::make(global), address)
{
    BOOST_TEST(is_global(boost::asio::ip::make_address(address)), address);
}

BOOST_DATA_TEST_CASE(no_ca_reaches_it, data::make(special), address)
{
    BOOST_TEST(!is_global(boost::asio::ip::make_address(address)), address);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
