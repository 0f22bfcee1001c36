#include "crypto/csr.hpp"

#include "crypto/boringssl.hpp"
#include "kit/keys.hpp"
#include "kit/make_chain.hpp"

#include <boost/test/unit_test.hpp>

#include <openssl/nid.h>
#include <openssl/x509.h>

#include <string>
#include <vector>

using namespace acme;
using namespace std::string_literals;
using test::der_element;
namespace keys = acme::test::keys;

namespace {

bssl::UniquePtr<X509_REQ> parse(const std::string& der)
{
    const auto* data = octets(der);
    bssl::UniquePtr<X509_REQ> request(d2i_X509_REQ(nullptr, &data, static_cast<long>(der.size())));
    BOOST_TEST_REQUIRE(request.get() != nullptr);
    BOOST_TEST(data == octets(der) + der.size());
    return request;
}

// The extnValue of the only extension, which has to be a SubjectAltName.
std::string subject_alt_name(X509_REQ& request)
{
    bssl::UniquePtr<STACK_OF(X509_EXTENSION)> extensions(X509_REQ_get_extensions(&request));
    BOOST_TEST_REQUIRE(sk_X509_EXTENSION_num(extensions.get()) == 1U);
    auto* extension = sk_X509_EXTENSION_value(extensions.get(), 0);
    BOOST_TEST(OBJ_obj2nid(X509_EXTENSION_get_object(extension)) == NID_subject_alt_name);
    const auto* value = X509_EXTENSION_get_data(extension);
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
        static_cast<std::size_t>(ASN1_STRING_length(value))};
}

} // namespace

BOOST_AUTO_TEST_SUITE(csr)

BOOST_AUTO_TEST_CASE(is_signed_by_its_key_for_each_kind_of_key)
{
    for (auto pem : {keys::p256, keys::p384, keys::rsa2048}) {
        auto k = key::from_pem(pem).value();
        auto request = parse(make_csr(std::vector{"example.com"s}, k));
        BOOST_TEST(X509_REQ_verify(request.get(), k.native_handle()) == 1);
        BOOST_TEST(X509_REQ_verify(request.get(), key::generate().native_handle()) != 1);
        ERR_clear_error();
        bssl::UniquePtr<EVP_PKEY> pkey(X509_REQ_get_pubkey(request.get()));
        BOOST_TEST(EVP_PKEY_cmp(pkey.get(), k.native_handle()) == 1);
        auto expected = pem == keys::rsa2048 ? NID_sha256WithRSAEncryption : NID_ecdsa_with_SHA256;
        BOOST_TEST(X509_REQ_get_signature_nid(request.get()) == expected);
    }
}

BOOST_AUTO_TEST_CASE(has_version_1_and_an_empty_subject)
{
    auto request = parse(make_csr(std::vector{"example.com"s}, key::generate()));
    BOOST_TEST(X509_REQ_get_version(request.get()) == 0);
    BOOST_TEST(X509_NAME_entry_count(X509_REQ_get_subject_name(request.get())) == 0);
}

BOOST_AUTO_TEST_CASE(names_are_dns_names_or_ip_addresses_in_their_order)
{
    std::vector names{"example.com"s, "*.example.com"s, "192.0.2.1"s, "2001:db8::1"s};
    auto request = parse(make_csr(names, key::generate()));
    auto expected = der_element(0x30,
        der_element(0x82, "example.com") + der_element(0x82, "*.example.com") + der_element(0x87, "\xc0\0\x02\x01"s) +
            der_element(0x87, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s));
    BOOST_TEST(subject_alt_name(*request) == expected);
}

BOOST_AUTO_TEST_CASE(a_hundred_long_names_fit)
{
    std::vector<std::string> names;
    std::string content;
    for (int i = 0; i < 100; ++i) {
        names.push_back(std::to_string(i) + "." + std::string(60, 'a') + "." + std::string(60, 'b') + ".example");
        content += der_element(0x82, names.back());
    }
    auto request = parse(make_csr(names, key::generate()));
    BOOST_TEST(subject_alt_name(*request) == der_element(0x30, content));
}

BOOST_AUTO_TEST_SUITE_END()
