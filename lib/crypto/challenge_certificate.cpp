#include "crypto/challenge_certificate.hpp"

#include "crypto/asn1_time.hpp"
#include "crypto/boringssl.hpp"
#include "crypto/certificate_parser.hpp"
#include "crypto/der.hpp"
#include "crypto/jose.hpp"

#include <openssl/rand.h>

namespace acme {
namespace {

constexpr std::string_view oid_acme_identifier = "1.3.6.1.5.5.7.1.31";
constexpr std::string_view oid_common_name = "2.5.4.3";
// A fixed one: a host name may exceed a common name's 64 characters, and an empty subject upsets some validators.
constexpr std::string_view common_name = "ACME challenge";
constexpr auto backdated = std::chrono::hours(1);
constexpr auto lifetime = std::chrono::hours(24 * 7);

void add_serial(CBB& out)
{
    std::uint64_t serial = 0;
    must(RAND_bytes(reinterpret_cast<std::uint8_t*>(&serial), sizeof serial));
    must(CBB_add_asn1_uint64(&out, serial | 1));
}

void add_name(CBB& out)
{
    CBB sequence;
    CBB set;
    CBB attribute;
    CBB value;
    must(CBB_add_asn1(&out, &sequence, CBS_ASN1_SEQUENCE));
    must(CBB_add_asn1(&sequence, &set, CBS_ASN1_SET));
    must(CBB_add_asn1(&set, &attribute, CBS_ASN1_SEQUENCE));
    add_oid(attribute, oid_common_name);
    must(CBB_add_asn1(&attribute, &value, CBS_ASN1_UTF8STRING));
    must(CBB_add_bytes(&value, octets(common_name), common_name.size()));
    must(CBB_flush(&out));
}

void add_validity(CBB& out, std::chrono::system_clock::time_point now)
{
    CBB validity;
    must(CBB_add_asn1(&out, &validity, CBS_ASN1_SEQUENCE));
    add_asn1_time(validity, now - backdated);
    add_asn1_time(validity, now + lifetime);
    must(CBB_flush(&out));
}

std::string make_acme_identifier(std::string_view key_authorization)
{
    auto digest = sha256(key_authorization);
    bssl::ScopedCBB cbb;
    must(CBB_init(cbb.get(), 2 + digest.size()));
    must(CBB_add_asn1_octet_string(cbb.get(), digest.data(), digest.size()));
    return take(*cbb.get());
}

void add_extensions(CBB& out, std::string_view name_or_ip, std::string_view key_authorization)
{
    constexpr unsigned tag = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 3;
    const std::string name(name_or_ip);
    CBB wrapper;
    CBB extensions;
    must(CBB_add_asn1(&out, &wrapper, tag));
    must(CBB_add_asn1(&wrapper, &extensions, CBS_ASN1_SEQUENCE));
    add_extension(extensions, oid_subject_alt_name, false, make_subject_alt_name({&name, 1}));
    add_extension(extensions, oid_acme_identifier, true, make_acme_identifier(key_authorization));
    must(CBB_flush(&out));
}

void add_version_3(CBB& out)
{
    CBB version;
    must(CBB_add_asn1(&out, &version, CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0));
    must(CBB_add_asn1_uint64(&version, 2));
    must(CBB_flush(&out));
}

} // namespace

certificate_ptr make_challenge_certificate(
    std::string_view name_or_ip, std::string_view key_authorization, std::chrono::system_clock::time_point now)
{
    auto own_key = key::generate();
    bssl::ScopedCBB cbb;
    CBB tbs;
    must(CBB_init(cbb.get(), 512));
    must(CBB_add_asn1(cbb.get(), &tbs, CBS_ASN1_SEQUENCE));
    add_version_3(tbs);
    add_serial(tbs);
    add_signature_algorithm(tbs, own_key);
    add_name(tbs);
    add_validity(tbs, now);
    add_name(tbs);
    must(EVP_marshal_public_key(&tbs, own_key.native_handle()));
    add_extensions(tbs, name_or_ip, key_authorization);
    auto der = sign_der(take(*cbb.get()), own_key);

    std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> chain;
    chain.emplace_back(CRYPTO_BUFFER_new(octets(der), der.size(), nullptr));
    must(chain.back() != nullptr);
    std::string why;
    return certificate_parser::join(std::move(chain), std::move(own_key), why);
}

} // namespace acme
