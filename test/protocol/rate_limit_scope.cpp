#include "protocol/rate_limit_scope.hpp"

#include <boost/test/unit_test.hpp>

using acme::rate_limit_scope;

BOOST_AUTO_TEST_SUITE(rate_limit_scopes)

BOOST_AUTO_TEST_CASE(the_sentences_of_boulder_are_understood_and_others_hold_back_the_host_only)
{
    using kind = rate_limit_scope::kind;
    const struct
    {
        const char* detail;
        kind what;
        const char* domain;
    } table[] = {
        {"too many new orders (300) from this account in the last 3h0m0s, retry after 2026-01-01 00:00:00 UTC",
            kind::account, ""},
        {"too many new registrations (10) from this IP address in the last 3h0m0s", kind::account, ""},
        {"too many certificates (50) already issued for \"example.com\" in the last 168h0m0s, retry after ...",
            kind::registered_domain, "example.com"},
        {"too many certificates (50) already issued for \"EXAMPLE.com\" in the last", kind::registered_domain,
            "example.com"},
        {"too many certificates (5) already issued for this exact set of identifiers in the last 168h", kind::host, ""},
        {"too many failed authorizations (5) for \"www.shop.example.com\" in the last 1h0m0s", kind::host, ""},
        {"Your account is temporarily prevented from requesting certificates for www.shop.example.com. Please visit: "
         "https://ca.example/?jwt=x",
            kind::host, ""},
        // Another domain than the host's, and what is none.
        {"too many certificates already issued for \"example.org\"", kind::host, ""},
        {"too many certificates already issued for \"ample.com\"", kind::host, ""},
        {"too many certificates already issued for \"com", kind::host, ""},
        {"too many certificates already issued for \"\"", kind::host, ""},
        {"too many certificates already issued for \"../..\"", kind::host, ""},
        {"slow down", kind::host, ""},
        {"", kind::host, ""},
    };
    for (const auto& row : table) {
        acme::problem p;
        p.type = "urn:ietf:params:acme:error:rateLimited";
        p.detail = row.detail;
        const auto scope = acme::scope_of(p, "www.shop.example.com");
        BOOST_TEST((scope.what == row.what), row.detail);
        BOOST_TEST(scope.domain == row.domain, row.detail);
    }
}

BOOST_AUTO_TEST_SUITE_END()
