#include "integration/clients.hpp"
#include "integration/site.hpp"
#include "kit/process.hpp"

#include <boost/test/unit_test.hpp>

/// The self-check from the outside in: over real sockets, through the server that it looks for.
namespace acme::test {
namespace {

asio::awaitable<std::vector<asio::ip::address>> everything_is_here(std::string host)
{
    std::vector<asio::ip::address> found;
    if (!host.starts_with("nowhere."))
        found.push_back(asio::ip::address_v4::loopback());
    co_return found;
}

site_options checking(const pebble& ca)
{
    site_options options;
    options.config.self_check.enabled = true;
    options.config.self_check.tls_port = ca.tls_port();
    options.config.self_check.resolver = &everything_is_here;
    options.config.self_check.private_addresses = true;
    return options;
}

BOOST_AUTO_TEST_SUITE(self_check, *needs_pebble())

BOOST_AUTO_TEST_CASE(a_name_that_leads_here_gets_its_certificate)
{
    auto& ca = usual_ca();
    site s(ca, checking(ca));
    s.serve();
    const auto got = curl("here.example", s.port(), ca.root_file());
    BOOST_TEST(got.body == "Hello, TLS!\n", got.err);
    // The check's own handshake is none of the CA's validations.
    BOOST_TEST(s.wait_for_events<validation_answered>(1));
    BOOST_TEST(s.events<host_refused>().empty());
}

BOOST_AUTO_TEST_CASE(a_name_that_leads_nowhere_never_reaches_the_ca)
{
    pebble ca;
    site s(ca, checking(ca));
    s.serve();
    const auto peer = s_client("nowhere.example", s.port(), ca.root_file());
    BOOST_TEST(!peer.verified);
    BOOST_REQUIRE(s.wait_for_handshake_failures(1));
    BOOST_TEST((s.handshake_failures()[0].code() == errc::self_check_failed));
    BOOST_TEST(ca.orders() == 0U);
    BOOST_TEST(!s.certificates().registered());
    BOOST_REQUIRE(s.events<host_refused>().size() == 1U);
    BOOST_TEST(s.events<host_refused>()[0].client_address.has_value());
}

BOOST_AUTO_TEST_CASE(a_name_that_leads_to_another_server_never_reaches_the_ca)
{
    pebble ca;
    // Another manager's server is where the name leads.
    site other(ca);
    other.serve();
    const reserved_port own;
    site s(ca, checking(ca));
    s.serve(own.number());
    const auto peer = s_client("other.example", s.port(), ca.root_file());
    BOOST_TEST(!peer.verified);
    BOOST_TEST(ca.orders() == 0U);
    BOOST_REQUIRE(s.events<host_refused>().size() == 1U);
    BOOST_TEST((s.events<host_refused>()[0].error.code() == errc::self_check_failed));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
