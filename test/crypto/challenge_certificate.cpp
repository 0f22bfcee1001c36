#include "crypto/challenge_certificate.hpp"

#include "crypto/boringssl.hpp"
#include "crypto/jose.hpp"
#include "kit/make_chain.hpp"

#include <boost/test/unit_test.hpp>

#include <openssl/obj.h>
#include <openssl/x509.h>

#include <optional>
#include <string>

using namespace acme;
using namespace std::chrono_literals;
using namespace std::string_literals;
using test::chain_time;
using test::der_element;

namespace {

const auto authorization = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.6oiP5y09RRJl0g34gl3XMdW7bqf0ZJSaHBPYy2cXbXg"s;

bssl::UniquePtr<X509> parse(const certificate& c)
{
    auto der = c.leaf_der();
    const auto* data = octets(der);
    bssl::UniquePtr<X509> x509(d2i_X509(nullptr, &data, static_cast<long>(der.size())));
    BOOST_TEST_REQUIRE(x509.get() != nullptr);
    return x509;
}

std::string name_der(X509_NAME* name)
{
    const unsigned char* data = nullptr;
    std::size_t size = 0;
    BOOST_TEST(X509_NAME_get0_der(name, &data, &size) == 1);
    return {reinterpret_cast<const char*>(data), size};
}

struct found_extension
{
    bool critical;
    std::string value;
};

std::optional<found_extension> find_only(const X509& x509, const char* oid)
{
    bssl::UniquePtr<ASN1_OBJECT> object(OBJ_txt2obj(oid, 1));
    auto index = X509_get_ext_by_OBJ(&x509, object.get(), -1);
    if (index < 0 || X509_get_ext_by_OBJ(&x509, object.get(), index) >= 0)
        return std::nullopt;
    auto* extension = X509_get_ext(&x509, index);
    const auto* value = X509_EXTENSION_get_data(extension);
    return found_extension{X509_EXTENSION_get_critical(extension) == 1,
        {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
            static_cast<std::size_t>(ASN1_STRING_length(value))}};
}

// What the strictest known validator asks for; it compares the SubjectAltName's octets.
void check_as_validator(const certificate& c, const std::string& general_name)
{
    auto x509 = parse(c);
    BOOST_TEST(X509_get_version(x509.get()) == X509_VERSION_3);
    BOOST_TEST(name_der(X509_get_subject_name(x509.get())) == name_der(X509_get_issuer_name(x509.get())));
    BOOST_TEST(X509_NAME_entry_count(X509_get_subject_name(x509.get())) == 1);
    bssl::UniquePtr<EVP_PKEY> pkey(X509_get_pubkey(x509.get()));
    BOOST_TEST(X509_verify(x509.get(), pkey.get()) == 1);

    auto san = find_only(*x509, "2.5.29.17");
    BOOST_TEST_REQUIRE(san.has_value());
    BOOST_TEST(san->value == der_element(0x30, general_name));
    auto identifier = find_only(*x509, "1.3.6.1.5.5.7.1.31");
    BOOST_TEST_REQUIRE(identifier.has_value());
    BOOST_TEST(identifier->critical);
    auto digest = sha256(authorization);
    BOOST_TEST(identifier->value == der_element(0x04, {reinterpret_cast<const char*>(digest.data()), digest.size()}));
}

} // namespace

BOOST_AUTO_TEST_SUITE(challenge_certificate)

BOOST_AUTO_TEST_CASE(of_a_host_name_satisfies_rfc_8737)
{
    auto c = make_challenge_certificate("example.com", authorization, chain_time);
    BOOST_TEST_REQUIRE(c != nullptr);
    check_as_validator(*c, der_element(0x82, "example.com"));
    BOOST_TEST(c->names() == std::vector{"example.com"s}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(of_an_ip_address_satisfies_rfc_8738)
{
    auto v4 = make_challenge_certificate("192.0.2.1", authorization, chain_time);
    BOOST_TEST_REQUIRE(v4 != nullptr);
    check_as_validator(*v4, der_element(0x87, "\xc0\0\x02\x01"s));
    auto v6 = make_challenge_certificate("2001:db8::1", authorization, chain_time);
    BOOST_TEST_REQUIRE(v6 != nullptr);
    check_as_validator(*v6, der_element(0x87, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s));
    BOOST_TEST(v6->names() == std::vector{"2001:db8::1"s}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(of_the_longest_name_has_a_common_name_that_fits)
{
    auto label = std::string(63, 'a');
    auto name = label + "." + label + "." + label + "." + std::string(61, 'b');
    BOOST_TEST(name.size() == 253U);
    auto c = make_challenge_certificate(name, authorization, chain_time);
    BOOST_TEST_REQUIRE(c != nullptr);
    check_as_validator(*c, der_element(0x82, name));
}

BOOST_AUTO_TEST_CASE(is_valid_around_now)
{
    for (auto now : {chain_time, std::chrono::system_clock::time_point(), chain_time + 24h * 365 * 30}) {
        auto c = make_challenge_certificate("example.com", authorization, now);
        BOOST_TEST_REQUIRE(c != nullptr);
        BOOST_TEST((c->not_before() == now - 1h));
        BOOST_TEST((c->not_after() == now + 24h * 7));
    }
}

BOOST_AUTO_TEST_CASE(each_has_a_p256_key_and_a_serial_of_its_own)
{
    auto a = make_challenge_certificate("example.com", authorization, chain_time);
    auto b = make_challenge_certificate("example.com", authorization, chain_time);
    BOOST_TEST(jws_algorithm(a->private_key()) == "ES256");
    BOOST_TEST((a->private_key() != b->private_key()));
    BOOST_TEST(a->serial() != b->serial());
}

BOOST_AUTO_TEST_CASE(what_is_no_name_gets_none)
{
    for (const auto& name : {""s, "."s, "example.com."s, "exa mple.com"s, "example.com\0.evil"s, "b\xc3\xbc.example"s,
             "1.2.3"s, std::string(64, 'a') + ".example", std::string(300, 'a')})
        BOOST_TEST_CONTEXT(name)
    BOOST_TEST(make_challenge_certificate(name, authorization, chain_time) == nullptr);
    BOOST_TEST(ERR_peek_error() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
