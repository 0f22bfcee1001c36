#include "crypto/self_signed_certificate.hpp"

#include "crypto/asn1_time.hpp"
#include "crypto/boringssl.hpp"
#include "crypto/certificate_parser.hpp"
#include "crypto/der.hpp"

#include <openssl/rand.h>

namespace acme {
namespace {

constexpr std::string_view oid_common_name = "2.5.4.3";
constexpr auto backdated = std::chrono::hours(1);

void add_serial(CBB& out)
{
    std::uint64_t serial = 0;
    must(RAND_bytes(reinterpret_cast<std::uint8_t*>(&serial), sizeof serial));
    must(CBB_add_asn1_uint64(&out, serial | 1));
}

void add_name(CBB& out, std::string_view common_name)
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

void add_validity(CBB& out, const self_signed_contents& contents)
{
    CBB validity;
    must(CBB_add_asn1(&out, &validity, CBS_ASN1_SEQUENCE));
    add_asn1_time(validity, contents.not_before);
    add_asn1_time(validity, contents.not_after);
    must(CBB_flush(&out));
}

void add_extensions(CBB& out, const self_signed_contents& contents)
{
    constexpr unsigned tag = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 3;
    CBB wrapper;
    CBB extensions;
    must(CBB_add_asn1(&out, &wrapper, tag));
    must(CBB_add_asn1(&wrapper, &extensions, CBS_ASN1_SEQUENCE));
    add_extension(extensions, oid_subject_alt_name, false, make_subject_alt_name(contents.names));
    if (!contents.extension_oid.empty())
        add_extension(extensions, contents.extension_oid, true, contents.extension);
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

certificate_ptr make_self_signed_certificate(const self_signed_contents& contents)
{
    auto own_key = contents.key ? contents.key : key::generate();
    bssl::ScopedCBB cbb;
    CBB tbs;
    must(CBB_init(cbb.get(), 512));
    must(CBB_add_asn1(cbb.get(), &tbs, CBS_ASN1_SEQUENCE));
    add_version_3(tbs);
    add_serial(tbs);
    add_signature_algorithm(tbs, own_key);
    add_name(tbs, contents.common_name);
    add_validity(tbs, contents);
    add_name(tbs, contents.common_name);
    must(EVP_marshal_public_key(&tbs, own_key.native_handle()));
    add_extensions(tbs, contents);
    auto der = sign_der(take(*cbb.get()), own_key);

    std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> chain;
    chain.emplace_back(CRYPTO_BUFFER_new(octets(der), der.size(), nullptr));
    must(chain.back() != nullptr);
    std::string why;
    return certificate_parser::join(std::move(chain), std::move(own_key), why);
}

certificate_ptr make_self_signed_certificate(
    const std::vector<std::string>& names, certificate::time_point now, std::chrono::hours lifetime)
{
    self_signed_contents contents{};
    contents.names = names;
    contents.common_name = "self-signed";
    contents.not_before = now - backdated;
    contents.not_after = now + lifetime;
    return names.empty() ? nullptr : make_self_signed_certificate(contents);
}

} // namespace acme
