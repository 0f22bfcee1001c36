#include "testing/authority.hpp"

#include "crypto/asn1_time.hpp"
#include "crypto/base64.hpp"
#include "crypto/boringssl.hpp"
#include "crypto/der.hpp"
#include "crypto/jose.hpp"
#include "crypto/pem.hpp"

#include <openssl/rand.h>

namespace acme::testing {

namespace {

constexpr unsigned explicit_tag = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED;
constexpr time_point ages_ago = std::chrono::sys_days(std::chrono::year(2000) / std::chrono::January / 1);
constexpr time_point ages_ahead = std::chrono::sys_days(std::chrono::year(2099) / std::chrono::December / 31);

struct contents
{
    std::string issuer;
    std::string subject;
    std::string issuer_key_id;
    std::string own_key_id;
    leaf_contents leaf;
    std::string_view public_key;
    bool may_sign_cas = false;

    contents() = default;
};

void append(CBB& out, std::string_view der)
{
    must(CBB_add_bytes(&out, octets(der), der.size()));
}

// The octets of an INTEGER that is not negative.
std::string signed_octets(std::string_view magnitude)
{
    while (magnitude.size() > 1 && magnitude.front() == '\0')
        magnitude.remove_prefix(1);
    std::string out(magnitude);
    if (out.empty() || (static_cast<unsigned char>(out.front()) & 0x80) != 0)
        out.insert(out.begin(), '\0');
    return out;
}

void add_integer(CBB& out, std::string_view magnitude)
{
    CBB integer;
    must(CBB_add_asn1(&out, &integer, CBS_ASN1_INTEGER));
    append(integer, signed_octets(magnitude));
    must(CBB_flush(&out));
}

void add_name(CBB& out, std::string_view common_name)
{
    CBB name;
    CBB set;
    CBB attribute;
    CBB value;
    must(CBB_add_asn1(&out, &name, CBS_ASN1_SEQUENCE));
    if (!common_name.empty()) {
        must(CBB_add_asn1(&name, &set, CBS_ASN1_SET));
        must(CBB_add_asn1(&set, &attribute, CBS_ASN1_SEQUENCE));
        add_oid(attribute, "2.5.4.3");
        must(CBB_add_asn1(&attribute, &value, CBS_ASN1_UTF8STRING));
        append(value, common_name);
    }
    must(CBB_flush(&out));
}

void add_validity(CBB& out, const leaf_contents& leaf)
{
    CBB validity;
    must(CBB_add_asn1(&out, &validity, CBS_ASN1_SEQUENCE));
    add_asn1_time(validity, leaf.not_before);
    add_asn1_time(validity, leaf.not_after);
    must(CBB_flush(&out));
}

std::string element(unsigned tag, std::string_view content)
{
    bssl::ScopedCBB cbb;
    CBB child;
    must(CBB_init(cbb.get(), content.size() + 8));
    must(CBB_add_asn1(cbb.get(), &child, tag));
    append(child, content);
    return take(*cbb.get());
}

std::string extended_key_usage(const leaf_contents& leaf)
{
    bssl::ScopedCBB cbb;
    CBB usages;
    must(CBB_init(cbb.get(), 32));
    must(CBB_add_asn1(cbb.get(), &usages, CBS_ASN1_SEQUENCE));
    if (leaf.server_auth)
        add_oid(usages, "1.3.6.1.5.5.7.3.1");
    if (leaf.client_auth)
        add_oid(usages, "1.3.6.1.5.5.7.3.2");
    return take(*cbb.get());
}

std::string basic_constraints(const contents& c)
{
    std::string content = c.leaf.ca ? element(CBS_ASN1_BOOLEAN, "\xff") : "";
    if (c.leaf.ca && !c.may_sign_cas)
        content += element(CBS_ASN1_INTEGER, std::string_view("\0", 1));
    return element(CBS_ASN1_SEQUENCE, content);
}

void add_extensions(CBB& out, const contents& c)
{
    CBB wrapper;
    CBB extensions;
    must(CBB_add_asn1(&out, &wrapper, explicit_tag | 3));
    must(CBB_add_asn1(&wrapper, &extensions, CBS_ASN1_SEQUENCE));
    add_extension(extensions, "2.5.29.19", true, basic_constraints(c));
    // Certificate and CRL signing, or digital signatures.
    const std::string_view usage = c.leaf.ca ? std::string_view("\x01\x06", 2) : std::string_view("\x07\x80", 2);
    add_extension(extensions, "2.5.29.15", true, element(CBS_ASN1_BITSTRING, usage));
    if (c.leaf.server_auth || c.leaf.client_auth)
        add_extension(extensions, "2.5.29.37", false, extended_key_usage(c.leaf));
    if (!c.own_key_id.empty())
        add_extension(extensions, "2.5.29.14", false, element(CBS_ASN1_OCTETSTRING, c.own_key_id));
    if (!c.issuer_key_id.empty())
        add_extension(extensions, "2.5.29.35", false,
            element(CBS_ASN1_SEQUENCE, element(CBS_ASN1_CONTEXT_SPECIFIC | 0, c.issuer_key_id)));
    if (!c.leaf.names.empty())
        add_extension(extensions, oid_subject_alt_name, c.subject.empty(), make_subject_alt_name(c.leaf.names));
    must(CBB_flush(&out));
}

std::string make_certificate(const contents& c, const key& signer)
{
    bssl::ScopedCBB cbb;
    CBB tbs;
    CBB version;
    must(CBB_init(cbb.get(), 1024));
    must(CBB_add_asn1(cbb.get(), &tbs, CBS_ASN1_SEQUENCE));
    must(CBB_add_asn1(&tbs, &version, explicit_tag | 0));
    must(CBB_add_asn1_uint64(&version, 2));
    add_integer(tbs, c.leaf.serial);
    add_signature_algorithm(tbs, signer);
    add_name(tbs, c.issuer);
    add_validity(tbs, c.leaf);
    add_name(tbs, c.subject);
    append(tbs, c.public_key);
    add_extensions(tbs, c);
    return write_pem("CERTIFICATE", sign_der(take(*cbb.get()), signer));
}

std::string key_id_of(std::string_view public_key)
{
    const auto digest = sha256(public_key);
    return {reinterpret_cast<const char*>(digest.data()), 20};
}

contents ca_contents(std::string subject, std::string issuer, std::string_view public_key)
{
    contents c;
    c.subject = std::move(subject);
    c.issuer = std::move(issuer);
    c.public_key = public_key;
    c.own_key_id = key_id_of(public_key);
    c.leaf.ca = true;
    c.leaf.server_auth = false;
    c.leaf.serial = random_serial();
    c.leaf.not_before = ages_ago;
    c.leaf.not_after = ages_ahead;
    return c;
}

constexpr const char* intermediate_name = "asio-acme test intermediate";

} // namespace

std::string public_key_of(const evp_pkey_st& key)
{
    bssl::ScopedCBB cbb;
    must(CBB_init(cbb.get(), 128));
    must(EVP_marshal_public_key(cbb.get(), &key));
    return take(*cbb.get());
}

std::string random_serial()
{
    std::string serial(16, '\0');
    must(RAND_bytes(reinterpret_cast<std::uint8_t*>(serial.data()), serial.size()));
    // The first octet decides on a leading 00; it must not be one itself.
    serial.front() = static_cast<char>(static_cast<unsigned char>(serial.front()) | 1);
    return serial;
}

authority::authority(unsigned alternates)
    : issuer_(key::generate())
{
    const std::string issuer_spki = public_key_of(*issuer_.native_handle());
    key_id_ = key_id_of(issuer_spki);
    for (unsigned n = 0; n <= alternates; ++n) {
        const key root = key::generate();
        const std::string root_spki = public_key_of(*root.native_handle());
        const std::string root_name = "asio-acme test root " + std::to_string(n);
        contents self = ca_contents(root_name, root_name, root_spki);
        self.may_sign_cas = true;
        roots_.push_back(make_certificate(self, root));
        contents intermediate = ca_contents(intermediate_name, root_name, issuer_spki);
        intermediate.issuer_key_id = self.own_key_id;
        intermediates_.push_back(make_certificate(intermediate, root));
    }
}

std::string authority::issue(const leaf_contents& leaf, std::string_view public_key) const
{
    contents c;
    c.issuer = intermediate_name;
    c.issuer_key_id = key_id_;
    c.leaf = leaf;
    c.public_key = public_key;
    return make_certificate(c, issuer_);
}

std::string authority::renewal_id(std::string_view serial) const
{
    return base64url_encode(key_id_) + "." + base64url_encode(signed_octets(serial));
}

} // namespace acme::testing
