#include "crypto/ip_address.hpp"
#include "crypto/jose.hpp"
#include "crypto/x509.hpp"
#include "testing/validation.hpp"

#include <openssl/obj.h>

namespace acme::testing {

namespace {

constexpr const char* acme_identifier = "1.3.6.1.5.5.7.1.31";

// The extension's value; empty where it is absent, repeated or not critical.
std::string critical_extension(const X509& x509, const char* oid)
{
    const bssl::UniquePtr<ASN1_OBJECT> object(OBJ_txt2obj(oid, 1));
    const int index = X509_get_ext_by_OBJ(&x509, object.get(), -1);
    if (index < 0 || X509_get_ext_by_OBJ(&x509, object.get(), index) >= 0)
        return {};
    X509_EXTENSION* extension = X509_get_ext(&x509, index);
    if (X509_EXTENSION_get_critical(extension) == 0)
        return {};
    const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(extension);
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
        static_cast<std::size_t>(ASN1_STRING_length(value))};
}

std::string expected_extension(const validation& v)
{
    const auto digest = sha256(v.key_authorization);
    return "\x04\x20" + std::string(reinterpret_cast<const char*>(digest.data()), digest.size());
}

// IP addresses may be written in more than one way.
bool same_name(const identifier& id, const std::string& name)
{
    const auto ours = ip_octets(id.value);
    return ours ? ours == ip_octets(name) : id.value == name;
}

} // namespace

std::optional<validation_failure> check_tls_alpn_certificate(const validation& v, const std::string& leaf_der)
{
    const error_queue_guard errors;
    const auto refused = [](const char* why) { return validation_failure("unauthorized", why); };
    const bssl::UniquePtr<CRYPTO_BUFFER> buffer(CRYPTO_BUFFER_new(octets(leaf_der), leaf_der.size(), nullptr));
    const auto parsed = buffer ? parse_certificate(*buffer) : std::nullopt;
    if (!parsed)
        return refused("the challenge certificate does not parse");
    const auto names = read_subject_alt_names(*parsed->x509);
    if (!names || names->others || names->names.size() != 1 || !same_name(v.identifier, names->names.front()))
        return refused("the challenge certificate is not for this name alone");
    if (critical_extension(*parsed->x509, acme_identifier) != expected_extension(v))
        return refused("the challenge certificate's acmeIdentifier is not this challenge's, or not critical");
    const bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(parsed->x509.get()));
    if (!key || X509_verify(parsed->x509.get(), key.get()) != 1)
        return refused("the challenge certificate is not signed by itself");
    return std::nullopt;
}

} // namespace acme::testing
