#include "crypto/jose.hpp"

#include "kit/keys.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include <string>

using namespace acme;
namespace keys = acme::test::keys;

namespace {

const std::uint8_t* octets(std::string_view s)
{
    return reinterpret_cast<const std::uint8_t*>(s.data());
}

struct jws_parts
{
    std::string input;
    std::string header;
    std::string payload;
    std::string signature;
};

jws_parts parse_jws(std::string_view jws)
{
    auto object = boost::json::parse(jws).as_object();
    BOOST_TEST(object.size() == 3U);
    std::string header(object.at("protected").as_string());
    std::string payload(object.at("payload").as_string());
    return {header + "." + payload, base64url_decode(header).value(), base64url_decode(payload).value(),
        base64url_decode(std::string(object.at("signature").as_string())).value()};
}

// Verifies r || s of half the signature's length each.
bool verify_ec(const key& k, std::string_view input, std::string_view signature)
{
    auto size = signature.size() / 2;
    bssl::UniquePtr<ECDSA_SIG> sig(ECDSA_SIG_new());
    auto* r = BN_bin2bn(octets(signature), size, nullptr);
    auto* s = BN_bin2bn(octets(signature) + size, size, nullptr);
    ECDSA_SIG_set0(sig.get(), r, s);
    std::uint8_t digest[SHA384_DIGEST_LENGTH];
    if (size == 48)
        SHA384(octets(input), input.size(), digest);
    else
        SHA256(octets(input), input.size(), digest);
    auto* ec = EVP_PKEY_get0_EC_KEY(k.native_handle());
    auto ok = ECDSA_do_verify(digest, size, sig.get(), ec) == 1;
    ERR_clear_error();
    return ok;
}

constexpr std::string_view rfc7515_a3_key = R"(-----BEGIN EC PRIVATE KEY-----
MHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49
AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b
focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==
-----END EC PRIVATE KEY-----
)";

constexpr std::string_view claims =
    "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";

} // namespace

BOOST_AUTO_TEST_SUITE(jose)

BOOST_AUTO_TEST_CASE(hmac_jws_is_rfc_7515_a_1)
{
    auto mac_key =
        base64url_decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
            .value();
    BOOST_TEST(hmac_jws(mac_key, "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}", claims) ==
        R"({"protected":"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",)"
        R"("payload":"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",)"
        R"("signature":"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"})");
}

BOOST_AUTO_TEST_CASE(es256_agrees_with_rfc_7515_a_3)
{
    auto k = key::from_pem(rfc7515_a3_key).value();
    BOOST_TEST(jwk(k) ==
        R"({"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
        R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})");
    auto own = parse_jws(sign_jws(k, R"({"alg":"ES256"})", claims));
    BOOST_TEST(own.header == R"({"alg":"ES256"})");
    BOOST_TEST(own.payload == claims);
    BOOST_TEST(own.signature.size() == 64U);
    // The verifier is trusted because it accepts the RFC's own signature over the same input, and nothing else.
    auto signature =
        base64url_decode("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")
            .value();
    BOOST_TEST(verify_ec(k, own.input, signature));
    BOOST_TEST(!verify_ec(k, own.input + "x", signature));
    BOOST_TEST(verify_ec(k, own.input, own.signature));
    BOOST_TEST(!verify_ec(key::generate(), own.input, own.signature));
}

BOOST_AUTO_TEST_CASE(es256_signatures_are_64_octets_also_with_leading_zeros)
{
    auto k = key::generate();
    int leading_zeros = 0;
    for (int i = 0; i < 3000 && leading_zeros < 4; ++i) {
        auto jws = parse_jws(sign_jws(k, "{}", std::to_string(i)));
        BOOST_TEST_REQUIRE(jws.signature.size() == 64U);
        if (jws.signature[0] == 0 || jws.signature[32] == 0) {
            ++leading_zeros;
            BOOST_TEST(verify_ec(k, jws.input, jws.signature));
        }
    }
    BOOST_TEST(leading_zeros == 4);
}

BOOST_AUTO_TEST_CASE(es384_signs_with_sha384_in_96_octets)
{
    auto k = key::from_pem(keys::p384).value();
    auto jws = parse_jws(sign_jws(k, R"({"alg":"ES384"})", ""));
    BOOST_TEST(jws.payload.empty());
    BOOST_TEST(jws.signature.size() == 96U);
    BOOST_TEST(verify_ec(k, jws.input, jws.signature));
}

BOOST_AUTO_TEST_CASE(rs256_signs_as_openssl_does)
{
    auto k = key::from_pem(keys::rsa2048).value();
    BOOST_TEST(base64url_encode(parse_jws(sign_jws(k, R"({"alg":"RS256"})", "{}")).signature) ==
        "yB9PaidVIvN1mZ4S3xodKWhihJmU2jl3fetYA-p_7mp71sNnCtvfXNYOhv82G3wbQLk8CK-87SLB1jbN8-saUt0fZAKEtxI_"
        "QW_HvIuFSQSJX66NEVMYTV1xYsKbppT0y_UWe2GhbtoOgHTzrWXZpOFQsb3WQmNQ_5uuRxRgkwkjau6fJAEfGvEnvidP7s3ZVp7sO5vh4OKVi"
        "IpyQacT4PUJXfhaVp6W5ONOWFNlrQerS3t_kSnkvcN7BzlI8MjQ42g9uZZhdMEVsMCkbS5I-gUZ_y_yFomHactigmT7nQvCspQnThYBZlmthh"
        "wBYE_TndWO2Udk7hdc6kvf0ptzKA");
}

BOOST_AUTO_TEST_CASE(post_as_get_has_an_empty_payload)
{
    auto jws = sign_jws(key::generate(), "{}", "");
    BOOST_TEST(jws.find(R"("payload":"","signature":)") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(jwk_and_thumbprint_agree_with_openssl)
{
    auto p256 = key::from_pem(keys::p256).value();
    BOOST_TEST(jwk(p256) ==
        R"({"crv":"P-256","kty":"EC","x":"zbDJ_dBNWcLaK5VDkN8v0r6phTX3WHUTwWhHgf2JyeM",)"
        R"("y":"7gdMbR5pnVufuOUoj6lAfXSgAWmYZXkazexIsPjyf7A"})");
    BOOST_TEST(jwk_thumbprint(p256) == "6oiP5y09RRJl0g34gl3XMdW7bqf0ZJSaHBPYy2cXbXg");
    auto p384 = key::from_pem(keys::p384).value();
    BOOST_TEST(jwk(p384) ==
        R"({"crv":"P-384","kty":"EC","x":"GOja-qTxSFtFsClYGYyCNucVI_r97AkmuxT853T5Sc5hfuA1DwznvyMezp1n19pq",)"
        R"("y":"W3qAKXn7FEgZqljYmP_bKHRS4kT3-aaUV7Ii8cTE2HvLe9p4HO2V71pfNw9dssd1"})");
    BOOST_TEST(jwk_thumbprint(p384) == "dEbEZt5N1i7MzZ2DljZhiwNP4X4QIA-PNw5QWN101qI");
    auto rsa = key::from_pem(keys::rsa2048).value();
    BOOST_TEST(jwk(rsa).starts_with(R"({"e":"AQAB","kty":"RSA","n":"yGlVcyzjN4yKTUNb8Svv6wddj7AZYft)"));
    BOOST_TEST(jwk_thumbprint(rsa) == "KK0BAWIhyEq3q3SPY-3j8u-qN8QAZ1JgFN6OgphQBm4");
}

BOOST_AUTO_TEST_CASE(thumbprint_is_rfc_7638_3_1)
{
    auto n = base64url_decode("0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
                              "BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
                              "FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI"
                              "4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw")
                 .value();
    bssl::UniquePtr<RSA> rsa(RSA_new());
    auto* e = BN_new();
    BN_set_word(e, RSA_F4);
    BOOST_TEST_REQUIRE(RSA_set0_key(rsa.get(), BN_bin2bn(octets(n), n.size(), nullptr), e, nullptr) == 1);
    bssl::UniquePtr<EVP_PKEY> pkey(EVP_PKEY_new());
    EVP_PKEY_set1_RSA(pkey.get(), rsa.get());
    BOOST_TEST(jwk_thumbprint(*pkey) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

BOOST_AUTO_TEST_CASE(coordinates_keep_their_leading_zeros)
{
    bool x_seen = false;
    bool y_seen = false;
    for (int i = 0; i < 20000 && !(x_seen && y_seen); ++i) {
        auto object = boost::json::parse(jwk(key::generate())).as_object();
        auto x = base64url_decode(std::string(object.at("x").as_string())).value();
        auto y = base64url_decode(std::string(object.at("y").as_string())).value();
        BOOST_TEST_REQUIRE(x.size() == 32U);
        BOOST_TEST_REQUIRE(y.size() == 32U);
        x_seen = x_seen || x[0] == 0;
        y_seen = y_seen || y[0] == 0;
    }
    BOOST_TEST(x_seen);
    BOOST_TEST(y_seen);
}

BOOST_AUTO_TEST_CASE(key_authorization_joins_token_and_thumbprint)
{
    BOOST_TEST(key_authorization("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA", key::from_pem(keys::p256).value()) ==
        "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.6oiP5y09RRJl0g34gl3XMdW7bqf0ZJSaHBPYy2cXbXg");
}

BOOST_AUTO_TEST_CASE(sha256_is_fips_180)
{
    auto digest = sha256("abc");
    BOOST_TEST(base64url_encode({reinterpret_cast<const char*>(digest.data()), digest.size()}) ==
        "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
}

BOOST_AUTO_TEST_CASE(signing_leaves_nothing_in_the_error_queue)
{
    sign_jws(key::from_pem(keys::rsa2048).value(), "{}", "{}");
    jwk_thumbprint(key::from_pem(keys::rsa2048).value());
    sign_jws(key::generate(), "{}", "{}");
    BOOST_TEST(ERR_peek_error() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
