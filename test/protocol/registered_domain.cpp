#include "protocol/registered_domain.hpp"

#include <boost/test/unit_test.hpp>

namespace acme::test {
namespace {

BOOST_AUTO_TEST_CASE(hosts_are_counted_under_their_registered_domain)
{
    const struct
    {
        std::string_view host;
        std::string_view domain;
    } table[] = {
        {"example.com", "example.com"},
        {"www.example.com", "example.com"},
        {"a.b.c.example.com", "example.com"},
        {"example.co.uk", "example.co.uk"},
        {"www.example.co.uk", "example.co.uk"},
        {"a.b.example.com.au", "example.com.au"},
        {"x.example.or.jp", "example.or.jp"},
        {"co.uk", "co.uk"},
        // A registry's label below a generic domain is a domain like any other.
        {"a.co.example", "co.example"},
        {"www.com.info", "com.info"},
        {"localhost", "localhost"},
        {"", ""},
        {".", "."},
        {"..", "."},
        {"a..b", ".b"},
    };
    for (const auto& row : table)
        BOOST_TEST(registered_domain(row.host) == row.domain, row.host);
}

} // namespace
} // namespace acme::test
