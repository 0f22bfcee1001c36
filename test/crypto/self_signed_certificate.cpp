#include "crypto/boringssl.hpp"
#include "kit/make_chain.hpp"
#include "kit/process.hpp"

#include <acme/certificate.hpp>

#include <boost/test/unit_test.hpp>

#include <openssl/x509.h>

using namespace acme;
using namespace std::chrono_literals;
using test::chain_time;

namespace {

using names = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(self_signed_certificate)

BOOST_AUTO_TEST_CASE(says_what_it_is_told_and_signs_itself)
{
    const names all{"a.example", "*.b.example", "localhost", "192.0.2.1", "2001:db8::1"};
    auto c = make_self_signed_certificate(all, chain_time, 24h);
    BOOST_TEST_REQUIRE(c != nullptr);
    BOOST_TEST(c->names() == all, boost::test_tools::per_element());
    BOOST_TEST((c->not_before() == chain_time - 1h));
    BOOST_TEST((c->not_after() == chain_time + 24h));
    BOOST_TEST(c->issuer() == "CN=self-signed");
    BOOST_TEST(c->chain().size() == 1U);
    auto der = c->leaf_der();
    const auto* data = octets(der);
    bssl::UniquePtr<X509> x509(d2i_X509(nullptr, &data, static_cast<long>(der.size())));
    BOOST_TEST(X509_verify(x509.get(), c->private_key().native_handle()) == 1);
    BOOST_TEST(!(make_self_signed_certificate(all, chain_time)->private_key() == c->private_key()));
}

BOOST_AUTO_TEST_CASE(has_host_names_and_addresses_only)
{
    for (const auto& bad : {names{}, names{""}, names{"a.example", "b example"}, names{"-.."}})
        BOOST_TEST(make_self_signed_certificate(bad, chain_time) == nullptr);
}

BOOST_AUTO_TEST_CASE(openssl_verifies_it_where_it_is_trusted)
{
    auto c = make_self_signed_certificate({"a.example"}, std::chrono::system_clock::now());
    test::temporary_folder scratch;
    const std::string file = scratch / "c.pem";
    test::write_whole_file(file, c->chain_pem());
    auto verified = test::run_process({"openssl", "verify", "-CAfile", file, "-verify_hostname", "a.example", file});
    BOOST_TEST(verified.exit_code == 0, verified.out + verified.err);
}

BOOST_AUTO_TEST_CASE(der_is_read_like_pem)
{
    const auto chain = test::make_chain(test::chain_options({"a.example"}));
    const std::vector<std::string> der{test::der_of(chain.leaf_pem), test::der_of(chain.intermediate_pem)};
    std::string why;
    auto c = certificate::from_der(der, chain.leaf_key, why);
    BOOST_TEST_REQUIRE(c != nullptr, why);
    BOOST_TEST(c->chain_pem() == chain.pem);
    auto refused = [&](std::vector<std::string> bad, key k) {
        why.clear();
        return !certificate::from_der(bad, std::move(k), why) && !why.empty();
    };
    BOOST_TEST(refused({}, chain.leaf_key));
    BOOST_TEST(refused({chain.leaf_pem}, chain.leaf_key));
    BOOST_TEST(refused({der[0] + der[1]}, chain.leaf_key));
    BOOST_TEST(refused(der, chain.root_key));
    BOOST_TEST(refused(der, key()));
    BOOST_TEST(refused(std::vector<std::string>(11, der[0]), chain.leaf_key));
    BOOST_TEST(refused({der[0], std::string(256 * 1024, 'x')}, chain.leaf_key));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
