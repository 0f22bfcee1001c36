#include "crypto/jose.hpp"
#include "kit/keys.hpp"
#include "kit/make_chain.hpp"

#include <acme/key.hpp>

#include <boost/test/unit_test.hpp>

#include <openssl/err.h>

#include <string>
#include <utility>

using namespace acme;
namespace keys = acme::test::keys;

BOOST_AUTO_TEST_SUITE(key_)

BOOST_AUTO_TEST_CASE(default_key_is_none)
{
    key k;
    BOOST_TEST(!k);
    BOOST_TEST(k.native_handle() == nullptr);
    BOOST_TEST((k == key()));
    BOOST_TEST((k != key::generate()));
}

BOOST_AUTO_TEST_CASE(generated_keys_are_p256_and_differ)
{
    auto a = key::generate();
    auto b = key::generate();
    BOOST_TEST(jws_algorithm(a) == "ES256");
    BOOST_TEST((a != b));
    BOOST_TEST((a == key(a)));
}

BOOST_AUTO_TEST_CASE(reads_what_openssl_writes)
{
    for (auto [pem, algorithm] :
        {std::pair{keys::p256, "ES256"}, std::pair{keys::p256_sec1, "ES256"}, std::pair{keys::p384, "ES384"},
            std::pair{keys::rsa2048, "RS256"}, std::pair{keys::rsa2048_pkcs1, "RS256"}})
        BOOST_TEST_CONTEXT(pem)
        {
            auto k = key::from_pem(pem);
            BOOST_TEST_REQUIRE(k.has_value());
            BOOST_TEST(jws_algorithm(*k) == algorithm);
        }
    BOOST_TEST((key::from_pem(keys::p256) == key::from_pem(keys::p256_sec1)));
    BOOST_TEST((key::from_pem(keys::rsa2048) == key::from_pem(keys::rsa2048_pkcs1)));
    BOOST_TEST((key::from_pem(keys::rsa2048) != key::from_pem(keys::p256)));
}

BOOST_AUTO_TEST_CASE(reads_the_same_as_der)
{
    for (auto pem : {keys::p256, keys::p256_sec1, keys::p384, keys::rsa2048, keys::rsa2048_pkcs1}) {
        const auto der = test::der_of(std::string(pem));
        BOOST_TEST((key::from_der(der) == key::from_pem(pem)));
        BOOST_TEST(!key::from_der(der + '\0'));
        for (std::size_t size = 0; size < der.size(); ++size)
            BOOST_TEST(!key::from_der(der.substr(0, size)));
    }
    for (auto pem : {keys::p521, keys::rsa1024, keys::rsa_e3, keys::ed25519})
        BOOST_TEST(!key::from_der(test::der_of(std::string(pem))));
    BOOST_TEST(!key::from_der(keys::p256));
    BOOST_TEST(!key::from_der(std::string(16 * 1024 + 1, '0')));
}

BOOST_AUTO_TEST_CASE(writes_pkcs8_as_openssl_does)
{
    for (auto pem : {keys::p256, keys::p384, keys::rsa2048})
        BOOST_TEST(key::from_pem(pem).value().to_pem() == pem);
    auto k = key::generate();
    BOOST_TEST((key::from_pem(k.to_pem()).value() == k));
}

BOOST_AUTO_TEST_CASE(takes_crlf_and_text_around)
{
    std::string text = "# my key\r\n";
    for (char c : keys::p256)
        text += c == '\n' ? "\r\n" : std::string(1, c);
    BOOST_TEST((key::from_pem(text) == key::from_pem(keys::p256)));
}

BOOST_AUTO_TEST_CASE(refuses_keys_that_cas_refuse)
{
    for (auto pem : {keys::p521, keys::rsa1024, keys::rsa_e3, keys::ed25519})
        BOOST_TEST_CONTEXT(pem)
    BOOST_TEST(!key::from_pem(pem));
}

BOOST_AUTO_TEST_CASE(refuses_what_is_not_one_plain_private_key)
{
    const std::string p256(keys::p256);
    auto relabelled = p256;
    for (auto at = relabelled.find("PRIVATE"); at != std::string::npos; at = relabelled.find("PRIVATE"))
        relabelled.replace(at, 7, "FOREIGN");
    for (const auto& text : {std::string(), std::string("hello"), p256 + p256, p256 + std::string(keys::rsa2048),
             relabelled, std::string(keys::encrypted), std::string(keys::encrypted_sec1),
             std::string(keys::with_params), test::make_chain().leaf_pem, p256 + std::string(16 * 1024, '\n')})
        BOOST_TEST_CONTEXT(text.substr(0, 200))
    BOOST_TEST(!key::from_pem(text));
}

BOOST_AUTO_TEST_CASE(refuses_every_truncation)
{
    for (auto pem : {keys::p256, keys::p256_sec1, keys::rsa2048})
        for (std::size_t size = 0; size + 1 < pem.size(); ++size)
            BOOST_TEST(!key::from_pem(pem.substr(0, size)));
}

BOOST_AUTO_TEST_CASE(refuses_octets_after_the_key_and_an_inconsistent_public_key)
{
    auto repack = [](std::string_view pem, const std::string& label, auto change) {
        auto der = test::der_of(std::string(pem));
        change(der);
        auto text = test::pem_of(der);
        for (auto at = text.find("CERTIFICATE"); at != std::string::npos; at = text.find("CERTIFICATE"))
            text.replace(at, 11, label);
        return key::from_pem(text);
    };
    BOOST_TEST(repack(keys::p256, "PRIVATE KEY", [](std::string&) {}).has_value());
    BOOST_TEST(!repack(keys::p256, "PRIVATE KEY", [](std::string& der) { der += '\0'; }));
    BOOST_TEST(!repack(keys::p256_sec1, "EC PRIVATE KEY", [](std::string& der) { der += '\0'; }));
    BOOST_TEST(!repack(keys::rsa2048_pkcs1, "RSA PRIVATE KEY", [](std::string& der) { der += '\0'; }));
    BOOST_TEST(!repack(keys::p256, "PRIVATE KEY", [](std::string& der) { der.back() ^= 1; }));
    BOOST_TEST(!repack(keys::rsa2048, "PRIVATE KEY", [](std::string& der) { der.back() ^= 1; }));
}

BOOST_AUTO_TEST_CASE(failures_leave_nothing_in_the_error_queue)
{
    for (auto pem : {keys::encrypted, keys::p521, keys::ed25519, keys::rsa1024})
        key::from_pem(pem);
    key::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    auto same = key::generate() == key::from_pem(keys::rsa2048).value();
    BOOST_TEST(!same);
    BOOST_TEST(ERR_peek_error() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
