#include "crypto/csr.hpp"

#include "crypto/boringssl.hpp"
#include "crypto/der.hpp"

namespace acme {
namespace {

constexpr std::string_view oid_extension_request = "1.2.840.113549.1.9.14";

void add_attributes(CBB& out, std::span<const std::string> names)
{
    CBB attributes;
    CBB attribute;
    CBB values;
    CBB extensions;
    must(CBB_add_asn1(&out, &attributes, CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0));
    must(CBB_add_asn1(&attributes, &attribute, CBS_ASN1_SEQUENCE));
    add_oid(attribute, oid_extension_request);
    must(CBB_add_asn1(&attribute, &values, CBS_ASN1_SET));
    must(CBB_add_asn1(&values, &extensions, CBS_ASN1_SEQUENCE));
    add_extension(extensions, oid_subject_alt_name, false, make_subject_alt_name(names));
    must(CBB_flush(&out));
}

} // namespace

std::string make_csr(std::span<const std::string> names, const key& certificate_key)
{
    bssl::ScopedCBB cbb;
    CBB info;
    CBB subject;
    must(CBB_init(cbb.get(), 256));
    must(CBB_add_asn1(cbb.get(), &info, CBS_ASN1_SEQUENCE));
    must(CBB_add_asn1_uint64(&info, 0));
    must(CBB_add_asn1(&info, &subject, CBS_ASN1_SEQUENCE));
    must(EVP_marshal_public_key(&info, certificate_key.native_handle()));
    add_attributes(info, names);
    return sign_der(take(*cbb.get()), certificate_key);
}

} // namespace acme
