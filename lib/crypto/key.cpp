#include "crypto/boringssl.hpp"
#include "crypto/pem.hpp"

#include <acme/key.hpp>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

namespace acme {
namespace {

constexpr std::size_t max_size = 16 * 1024;

bssl::UniquePtr<EVP_PKEY> wrap(bssl::UniquePtr<EC_KEY> ec)
{
    bssl::UniquePtr<EVP_PKEY> pkey(ec ? EVP_PKEY_new() : nullptr);
    if (pkey)
        must(EVP_PKEY_set1_EC_KEY(pkey.get(), ec.get()));
    return pkey;
}

bssl::UniquePtr<EVP_PKEY> wrap(bssl::UniquePtr<RSA> rsa)
{
    bssl::UniquePtr<EVP_PKEY> pkey(rsa ? EVP_PKEY_new() : nullptr);
    if (pkey)
        must(EVP_PKEY_set1_RSA(pkey.get(), rsa.get()));
    return pkey;
}

constexpr std::string_view labels[] = {"PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"};

bssl::UniquePtr<EVP_PKEY> parse(std::string_view label, std::string_view octets)
{
    auto der = to_cbs(octets);
    bssl::UniquePtr<EVP_PKEY> pkey;
    if (label == labels[0])
        pkey.reset(EVP_parse_private_key(&der));
    else if (label == labels[1])
        pkey = wrap(bssl::UniquePtr<EC_KEY>(EC_KEY_parse_private_key(&der, nullptr)));
    else if (label == labels[2])
        pkey = wrap(bssl::UniquePtr<RSA>(RSA_parse_private_key(&der)));
    if (CBS_len(&der) != 0)
        pkey.reset();
    return pkey;
}

bool is_supported(const EVP_PKEY& pkey)
{
    if (const auto* ec = ec_key(pkey)) {
        auto curve = EC_GROUP_get_curve_name(EC_KEY_get0_group(ec));
        return curve == NID_X9_62_prime256v1 || curve == NID_secp384r1;
    }
    if (const auto* rsa = rsa_key(pkey)) {
        auto bits = EVP_PKEY_bits(&pkey);
        return bits >= 2048 && bits <= 4096 && BN_is_word(RSA_get0_e(rsa), RSA_F4);
    }
    return false;
}

} // namespace

key key::generate()
{
    bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
    must(ec != nullptr);
    must(EC_KEY_generate_key(ec.get()));
    auto pkey = wrap(std::move(ec));
    must(pkey != nullptr);
    return key(std::shared_ptr<EVP_PKEY>(pkey.release(), EVP_PKEY_free));
}

std::optional<key> key::from_pem(std::string_view pem)
{
    if (pem.size() > max_size)
        return std::nullopt;
    error_queue_guard guard;
    auto blocks = parse_pem(pem, 2);
    if (!blocks)
        return std::nullopt;
    bssl::UniquePtr<EVP_PKEY> pkey;
    if (blocks->size() == 1)
        pkey = parse(blocks->front().label, blocks->front().der);
    for (auto& block : *blocks)
        wipe_guard wipe(block.der);
    if (!pkey || !is_supported(*pkey))
        return std::nullopt;
    return key(std::shared_ptr<EVP_PKEY>(pkey.release(), EVP_PKEY_free));
}

std::optional<key> key::from_der(std::string_view der)
{
    if (der.size() > max_size)
        return std::nullopt;
    error_queue_guard guard;
    for (auto label : labels)
        if (auto pkey = parse(label, der); pkey && is_supported(*pkey))
            return key(std::shared_ptr<EVP_PKEY>(pkey.release(), EVP_PKEY_free));
    return std::nullopt;
}

std::string key::to_pem() const
{
    bssl::ScopedCBB cbb;
    must(CBB_init(cbb.get(), 256));
    must(EVP_marshal_private_key(cbb.get(), pkey_.get()));
    std::string der(reinterpret_cast<const char*>(CBB_data(cbb.get())), CBB_len(cbb.get()));
    wipe_guard wipe(der);
    return write_pem("PRIVATE KEY", der);
}

bool operator==(const key& a, const key& b) noexcept
{
    if (a.pkey_ == b.pkey_)
        return true;
    if (!a || !b)
        return false;
    error_queue_guard guard;
    return EVP_PKEY_cmp(a.native_handle(), b.native_handle()) == 1;
}

} // namespace acme
