#include "crypto/jose.hpp"

#include "crypto/boringssl.hpp"

#include <openssl/bn.h>
#include <openssl/digest.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

namespace acme {
namespace {

std::uint8_t* octets(std::string& s)
{
    return reinterpret_cast<std::uint8_t*>(s.data());
}

std::string_view as_string(const std::array<unsigned char, 32>& digest)
{
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

bool is_p384(const EC_KEY& ec)
{
    return EC_GROUP_get_curve_name(EC_KEY_get0_group(&ec)) == NID_secp384r1;
}

std::size_t field_size(const EC_KEY& ec)
{
    return is_p384(ec) ? 48 : 32;
}

std::string ec_jwk(const EC_KEY& ec)
{
    auto size = field_size(ec);
    // SEC 1's uncompressed form, 04 || x || y, has the fixed lengths that RFC 7518 section 6.2.1.2 asks for.
    std::string point(1 + 2 * size, '\0');
    auto written = EC_POINT_point2oct(EC_KEY_get0_group(&ec), EC_KEY_get0_public_key(&ec),
        POINT_CONVERSION_UNCOMPRESSED, octets(point), point.size(), nullptr);
    must(written == point.size());
    std::string json = R"({"crv":"P-)";
    json += is_p384(ec) ? "384" : "256";
    json += R"(","kty":"EC","x":")" + base64url_encode(std::string_view(point).substr(1, size));
    json += R"(","y":")" + base64url_encode(std::string_view(point).substr(1 + size)) + "\"}";
    return json;
}

std::string number(const BIGNUM* n)
{
    std::string text(BN_num_bytes(n), '\0');
    BN_bn2bin(n, octets(text));
    return base64url_encode(text);
}

std::string ec_signature(const EC_KEY& ec, std::string_view input)
{
    std::array<std::uint8_t, SHA384_DIGEST_LENGTH> digest{};
    std::size_t digest_size = is_p384(ec) ? SHA384_DIGEST_LENGTH : SHA256_DIGEST_LENGTH;
    if (is_p384(ec))
        SHA384(acme::octets(input), input.size(), digest.data());
    else
        SHA256(acme::octets(input), input.size(), digest.data());
    bssl::UniquePtr<ECDSA_SIG> sig(ECDSA_do_sign(digest.data(), digest_size, &ec));
    must(sig != nullptr);
    auto size = field_size(ec);
    std::string raw(2 * size, '\0');
    must(BN_bn2bin_padded(octets(raw), size, ECDSA_SIG_get0_r(sig.get())));
    must(BN_bn2bin_padded(octets(raw) + size, size, ECDSA_SIG_get0_s(sig.get())));
    return raw;
}

std::string rsa_signature(EVP_PKEY* pkey, std::string_view input)
{
    bssl::ScopedEVP_MD_CTX ctx;
    must(EVP_DigestSignInit(ctx.get(), nullptr, EVP_sha256(), nullptr, pkey));
    std::string raw(static_cast<std::size_t>(EVP_PKEY_size(pkey)), '\0');
    std::size_t size = raw.size();
    must(EVP_DigestSign(ctx.get(), octets(raw), &size, acme::octets(input), input.size()));
    raw.resize(size);
    return raw;
}

std::string signing_input(std::string_view header, std::string_view payload)
{
    return base64url_encode(header) + "." + base64url_encode(payload);
}

std::string serialise(std::string_view signing_input, std::string_view signature)
{
    auto dot = signing_input.find('.');
    std::string json = R"({"protected":")";
    json.append(signing_input.substr(0, dot)).append(R"(","payload":")").append(signing_input.substr(dot + 1));
    json.append(R"(","signature":")").append(base64url_encode(signature)).append("\"}");
    return json;
}

} // namespace

std::array<unsigned char, 32> sha256(std::string_view data)
{
    std::array<unsigned char, 32> digest{};
    SHA256(octets(data), data.size(), digest.data());
    return digest;
}

std::string jwk(const evp_pkey_st& public_key)
{
    if (const auto* ec = ec_key(public_key))
        return ec_jwk(*ec);
    const auto* rsa = rsa_key(public_key);
    return R"({"e":")" + number(RSA_get0_e(rsa)) + R"(","kty":"RSA","n":")" + number(RSA_get0_n(rsa)) + "\"}";
}

std::string jwk(const key& k)
{
    return jwk(*k.native_handle());
}

std::string jwk_thumbprint(const evp_pkey_st& public_key)
{
    return base64url_encode(as_string(sha256(jwk(public_key))));
}

std::string jwk_thumbprint(const key& k)
{
    return jwk_thumbprint(*k.native_handle());
}

std::string jws_algorithm(const key& k)
{
    if (const auto* ec = ec_key(*k.native_handle()))
        return is_p384(*ec) ? "ES384" : "ES256";
    return "RS256";
}

std::string sign_jws(const key& k, std::string_view protected_header_json, std::string_view payload)
{
    error_queue_guard guard;
    auto input = signing_input(protected_header_json, payload);
    const auto* ec = ec_key(*k.native_handle());
    return serialise(input, ec ? ec_signature(*ec, input) : rsa_signature(k.native_handle(), input));
}

std::string hmac_jws(std::string_view mac_key, std::string_view protected_header_json, std::string_view payload)
{
    auto input = signing_input(protected_header_json, payload);
    std::string mac(SHA256_DIGEST_LENGTH, '\0');
    unsigned size = 0;
    must(HMAC(EVP_sha256(), mac_key.data(), mac_key.size(), octets(std::string_view(input)), input.size(), octets(mac),
             &size) != nullptr);
    return serialise(input, mac);
}

std::string key_authorization(std::string_view token, const key& account)
{
    return std::string(token) + "." + jwk_thumbprint(account);
}

} // namespace acme
