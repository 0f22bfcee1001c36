#include "testing/jws.hpp"

#include "crypto/base64.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <openssl/bn.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/nid.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include <stdexcept>
#include <vector>

namespace acme::testing {

namespace json = boost::json;

namespace {

const std::uint8_t* octets(std::string_view s)
{
    return reinterpret_cast<const std::uint8_t*>(s.data());
}

std::string decoded(const json::object& object, std::string_view member)
{
    const auto* value = object.if_contains(member);
    if (value == nullptr || !value->is_string())
        throw std::runtime_error("JWS without " + std::string(member));
    auto text = base64url_decode(std::string_view(value->get_string()));
    if (!text)
        throw std::runtime_error(std::string(member) + " is not base64url");
    return *text;
}

bssl::UniquePtr<BIGNUM> number(std::string_view big_endian)
{
    return bssl::UniquePtr<BIGNUM>(BN_bin2bn(octets(big_endian), big_endian.size(), nullptr));
}

} // namespace

read_jws::read_jws(std::string_view body)
{
    const json::object jws = json::parse(json::string_view(body.data(), body.size())).as_object();
    if (jws.size() != 3)
        throw std::runtime_error("a JWS with other members than protected, payload and signature");
    header = json::parse(decoded(jws, "protected")).as_object();
    payload = decoded(jws, "payload");
    signature = decoded(jws, "signature");
    signing_input = std::string(jws.at("protected").as_string()) + "." + std::string(jws.at("payload").as_string());
    if (header.contains("jwk") == header.contains("kid"))
        throw std::runtime_error("a JWS needs exactly one of jwk and kid");
}

std::string read_jws::text(std::string_view member) const
{
    const auto* value = header.if_contains(member);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool read_jws::signed_by(const json::object& jwk) const
{
    return jwk.at("kty").as_string() == "RSA" ? signed_by_rsa(jwk) : signed_by_ec(jwk);
}

bool read_jws::signed_by_rsa(const json::object& jwk) const
{
    const std::string n = decoded(jwk, "n");
    const std::string e = decoded(jwk, "e");
    if (text("alg") != "RS256" || n.size() < 256 || n.size() > 512 || e.size() > 8)
        return false;
    const bssl::UniquePtr<RSA> key(RSA_new());
    if (RSA_set0_key(key.get(), number(n).release(), number(e).release(), nullptr) != 1)
        return false;
    std::uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256(octets(signing_input), signing_input.size(), digest);
    return RSA_verify(NID_sha256, digest, sizeof digest, octets(signature), signature.size(), key.get()) == 1;
}

bool read_jws::signed_by_ec(const json::object& jwk) const
{
    const bool p256 = jwk.at("crv").as_string() == "P-256";
    const std::size_t size = p256 ? 32 : 48;
    const std::string x = decoded(jwk, "x");
    const std::string y = decoded(jwk, "y");
    if (text("alg") != (p256 ? "ES256" : "ES384") || x.size() != size || y.size() != size ||
        signature.size() != 2 * size)
        return false;
    const bssl::UniquePtr<EC_KEY> key(EC_KEY_new_by_curve_name(p256 ? NID_X9_62_prime256v1 : NID_secp384r1));
    if (EC_KEY_set_public_key_affine_coordinates(key.get(), number(x).get(), number(y).get()) != 1)
        return false;
    const bssl::UniquePtr<ECDSA_SIG> sig(ECDSA_SIG_new());
    ECDSA_SIG_set0(sig.get(), number(signature.substr(0, size)).release(), number(signature.substr(size)).release());
    std::uint8_t digest[SHA512_DIGEST_LENGTH];
    if (p256)
        SHA256(octets(signing_input), signing_input.size(), digest);
    else
        SHA384(octets(signing_input), signing_input.size(), digest);
    return ECDSA_do_verify(digest, size, sig.get(), key.get()) == 1;
}

bool read_jws::authenticated_by(std::string_view mac_key) const
{
    std::uint8_t mac[SHA256_DIGEST_LENGTH];
    unsigned size = 0;
    HMAC(EVP_sha256(), mac_key.data(), mac_key.size(), octets(signing_input), signing_input.size(), mac, &size);
    return text("alg") == "HS256" && signature == std::string_view(reinterpret_cast<const char*>(mac), size);
}

std::string canonical(const json::object& jwk)
{
    json::object ordered;
    const bool rsa = jwk.at("kty").as_string() == "RSA";
    const auto members = rsa ? std::vector<const char*>{"e", "kty", "n"} : std::vector{"crv", "kty", "x", "y"};
    for (const char* member : members)
        ordered[member] = jwk.at(member).as_string();
    return json::serialize(ordered);
}

std::string thumbprint_of(const json::object& jwk)
{
    const std::string text = canonical(jwk);
    std::uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256(octets(text), text.size(), digest);
    return base64url_encode({reinterpret_cast<const char*>(digest), sizeof digest});
}

} // namespace acme::testing
