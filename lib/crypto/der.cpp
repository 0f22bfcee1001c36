#include "crypto/der.hpp"

#include "crypto/boringssl.hpp"
#include "crypto/ip_address.hpp"

#include <openssl/evp.h>

#include <cstdint>
#include <vector>

namespace acme {
namespace {

constexpr std::string_view oid_ecdsa_with_sha256 = "1.2.840.10045.4.3.2";
constexpr std::string_view oid_sha256_with_rsa = "1.2.840.113549.1.1.11";

void add_bytes(CBB& out, std::string_view data)
{
    must(CBB_add_bytes(&out, octets(data), data.size()));
}

std::vector<std::uint8_t> sign(std::string_view tbs, const key& signer)
{
    bssl::ScopedEVP_MD_CTX ctx;
    must(EVP_DigestSignInit(ctx.get(), nullptr, EVP_sha256(), nullptr, signer.native_handle()));
    std::vector<std::uint8_t> signature(static_cast<std::size_t>(EVP_PKEY_size(signer.native_handle())));
    std::size_t size = signature.size();
    must(EVP_DigestSign(ctx.get(), signature.data(), &size, octets(tbs), tbs.size()));
    signature.resize(size);
    return signature;
}

} // namespace

std::string take(CBB& cbb)
{
    must(CBB_flush(&cbb));
    return {reinterpret_cast<const char*>(CBB_data(&cbb)), CBB_len(&cbb)};
}

void add_oid(CBB& out, std::string_view dotted)
{
    CBB oid;
    must(CBB_add_asn1(&out, &oid, CBS_ASN1_OBJECT));
    must(CBB_add_asn1_oid_from_text(&oid, dotted.data(), dotted.size()));
    must(CBB_flush(&out));
}

void add_extension(CBB& out, std::string_view oid, bool critical, std::string_view value)
{
    CBB extension;
    CBB octet_string;
    must(CBB_add_asn1(&out, &extension, CBS_ASN1_SEQUENCE));
    add_oid(extension, oid);
    if (critical)
        must(CBB_add_asn1_bool(&extension, 1));
    must(CBB_add_asn1(&extension, &octet_string, CBS_ASN1_OCTETSTRING));
    add_bytes(octet_string, value);
    must(CBB_flush(&out));
}

std::string make_subject_alt_name(std::span<const std::string> names)
{
    bssl::ScopedCBB cbb;
    CBB sequence;
    must(CBB_init(cbb.get(), 64));
    must(CBB_add_asn1(cbb.get(), &sequence, CBS_ASN1_SEQUENCE));
    for (const auto& name : names) {
        auto ip = ip_octets(name);
        CBB general_name;
        must(CBB_add_asn1(&sequence, &general_name, CBS_ASN1_CONTEXT_SPECIFIC | (ip ? 7U : 2U)));
        add_bytes(general_name, ip ? *ip : name);
        must(CBB_flush(&sequence));
    }
    return take(*cbb.get());
}

void add_signature_algorithm(CBB& out, const key& signer)
{
    CBB algorithm;
    must(CBB_add_asn1(&out, &algorithm, CBS_ASN1_SEQUENCE));
    if (ec_key(*signer.native_handle())) {
        add_oid(algorithm, oid_ecdsa_with_sha256);
    } else {
        CBB null;
        add_oid(algorithm, oid_sha256_with_rsa);
        must(CBB_add_asn1(&algorithm, &null, CBS_ASN1_NULL));
    }
    must(CBB_flush(&out));
}

std::string sign_der(std::string_view tbs, const key& signer)
{
    error_queue_guard guard;
    auto signature = sign(tbs, signer);
    bssl::ScopedCBB cbb;
    CBB sequence;
    CBB bits;
    must(CBB_init(cbb.get(), tbs.size() + signature.size() + 32));
    must(CBB_add_asn1(cbb.get(), &sequence, CBS_ASN1_SEQUENCE));
    add_bytes(sequence, tbs);
    add_signature_algorithm(sequence, signer);
    must(CBB_add_asn1(&sequence, &bits, CBS_ASN1_BITSTRING));
    must(CBB_add_u8(&bits, 0));
    must(CBB_add_bytes(&bits, signature.data(), signature.size()));
    return take(*cbb.get());
}

} // namespace acme
