#include "kit/make_chain.hpp"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/obj.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <arpa/inet.h>
#include <array>
#include <stdexcept>
#include <utility>

namespace acme::test {
namespace {

void check(bool ok)
{
    if (!ok)
        throw std::runtime_error("the test's certificate cannot be made");
}

const unsigned char* octets(const std::string& s)
{
    return reinterpret_cast<const unsigned char*>(s.data());
}

void add_extension(X509& x509, int nid, bool critical, const std::string& der)
{
    bssl::UniquePtr<ASN1_OCTET_STRING> value(ASN1_OCTET_STRING_new());
    check(ASN1_OCTET_STRING_set(value.get(), octets(der), static_cast<int>(der.size())) == 1);
    bssl::UniquePtr<X509_EXTENSION> extension(
        X509_EXTENSION_create_by_NID(nullptr, nid, critical ? 1 : 0, value.get()));
    check(extension && X509_add_ext(&x509, extension.get(), -1) == 1);
}

std::string general_name(const std::string& name)
{
    std::array<char, 16> ip{};
    if (inet_pton(AF_INET, name.c_str(), ip.data()) == 1)
        return der_element(0x87, {ip.data(), 4});
    if (inet_pton(AF_INET6, name.c_str(), ip.data()) == 1)
        return der_element(0x87, {ip.data(), 16});
    return der_element(0x82, name);
}

std::string subject_alt_name(const certificate_options& options)
{
    std::string names;
    for (const auto& name : options.names)
        names += general_name(name);
    return options.raw_subject_alt_name.empty() ? der_element(0x30, names) : options.raw_subject_alt_name;
}

std::string basic_constraints(const certificate_options& options)
{
    std::string content = options.ca ? der_element(0x01, "\xff") : "";
    if (options.path_length >= 0)
        content += der_element(0x02, {static_cast<char>(options.path_length)});
    return der_element(0x30, content);
}

void add_extensions(X509& x509, const certificate_options& options)
{
    add_extension(x509, NID_basic_constraints, true, basic_constraints(options));
    if (options.key_usage != 0)
        add_extension(x509, NID_key_usage, true, der_element(0x03, {'\0', static_cast<char>(options.key_usage)}));
    if (options.extended_key_usage) {
        std::string purpose = "\x2b\x06\x01\x05\x05\x07\x03";
        purpose += static_cast<char>(options.purpose);
        add_extension(x509, NID_ext_key_usage, false, der_element(0x30, der_element(0x06, purpose)));
    }
    if (!options.authority_key_id.empty())
        add_extension(
            x509, NID_authority_key_identifier, false, der_element(0x30, der_element(0x80, options.authority_key_id)));
    if (!options.names.empty() || !options.raw_subject_alt_name.empty()) {
        add_extension(x509, NID_subject_alt_name, false, subject_alt_name(options));
        if (options.repeat_subject_alt_name)
            add_extension(x509, NID_subject_alt_name, false, subject_alt_name(options));
    }
}

bssl::UniquePtr<X509_NAME> make_name(const std::string& common_name)
{
    bssl::UniquePtr<X509_NAME> name(X509_NAME_new());
    check(common_name.empty() ||
        X509_NAME_add_entry_by_NID(name.get(), NID_commonName, MBSTRING_UTF8, octets(common_name),
            static_cast<int>(common_name.size()), -1, 0) == 1);
    return name;
}

void set_serial(X509& x509, const certificate_options& options)
{
    if (options.raw_serial.empty()) {
        check(ASN1_INTEGER_set_uint64(X509_get_serialNumber(&x509), options.serial) == 1);
        return;
    }
    bssl::UniquePtr<BIGNUM> number(BN_bin2bn(octets(options.raw_serial), options.raw_serial.size(), nullptr));
    bssl::UniquePtr<ASN1_INTEGER> serial(BN_to_ASN1_INTEGER(number.get(), nullptr));
    check(serial && X509_set_serialNumber(&x509, serial.get()) == 1);
}

void set_dates(X509& x509, const certificate_options& options)
{
    using clock = std::chrono::system_clock;
    check(ASN1_TIME_set(X509_getm_notBefore(&x509), clock::to_time_t(options.not_before)) != nullptr);
    auto* not_after = X509_getm_notAfter(&x509);
    if (options.raw_not_after.empty())
        check(ASN1_TIME_set(not_after, clock::to_time_t(options.not_after)) != nullptr);
    else
        check(ASN1_TIME_set_string(not_after, options.raw_not_after.c_str()) == 1);
}

std::string to_pem(X509& x509)
{
    unsigned char* der = nullptr;
    auto size = i2d_X509(&x509, &der);
    check(size > 0);
    bssl::UniquePtr<unsigned char> owner(der);
    return pem_of({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)});
}

} // namespace

std::string der_element(unsigned char tag, const std::string& content)
{
    std::string element(1, static_cast<char>(tag));
    if (content.size() >= 256)
        element.append({'\x82', static_cast<char>(content.size() >> 8)});
    else if (content.size() >= 128)
        element += '\x81';
    return element + static_cast<char>(content.size() & 0xff) + content;
}

std::string der_of(const std::string& pem)
{
    bssl::UniquePtr<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    check(PEM_read_bio(bio.get(), &name, &header, &data, &size) == 1);
    std::string der(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    return der;
}

std::string pem_of(const std::string& der)
{
    bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
    check(PEM_write_bio(bio.get(), "CERTIFICATE", "", octets(der), static_cast<long>(der.size())) > 0);
    const unsigned char* data = nullptr;
    std::size_t size = 0;
    check(BIO_mem_contents(bio.get(), &data, &size) == 1);
    return {reinterpret_cast<const char*>(data), size};
}

std::string make_certificate(
    const certificate_options& options, const key& subject_key, const std::string& issuer, const key& issuer_key)
{
    return make_certificate(options, *subject_key.native_handle(), issuer, issuer_key);
}

std::string make_certificate(
    const certificate_options& options, evp_pkey_st& subject_key, const std::string& issuer, const key& issuer_key)
{
    bssl::UniquePtr<X509> x509(X509_new());
    check(X509_set_version(x509.get(), options.extensions ? X509_VERSION_3 : X509_VERSION_1) == 1);
    set_serial(*x509, options);
    check(X509_set_issuer_name(x509.get(), make_name(issuer).get()) == 1);
    check(X509_set_subject_name(x509.get(), make_name(options.subject).get()) == 1);
    set_dates(*x509, options);
    check(X509_set_pubkey(x509.get(), &subject_key) == 1);
    if (options.extensions)
        add_extensions(*x509, options);
    check(X509_sign(x509.get(), issuer_key.native_handle(), options.sha1 ? EVP_sha1() : EVP_sha256()) > 0);
    return to_pem(*x509);
}

chain_options::chain_options(std::vector<std::string> names)
{
    leaf.names = std::move(names);
    for (auto* ca : {&intermediate, &root}) {
        ca->ca = true;
        ca->extended_key_usage = false;
        ca->key_usage = 0x06;
        ca->not_before = chain_time - std::chrono::hours(24 * 365);
        ca->not_after = chain_time + std::chrono::hours(24 * 365);
    }
    intermediate.subject = "Test Intermediate";
    intermediate.path_length = 0;
    root.subject = "Test Root";
    root.authority_key_id.clear();
}

made_chain make_chain(const chain_options& options)
{
    made_chain chain;
    chain.leaf_key = options.leaf_key ? options.leaf_key : key::generate();
    chain.intermediate_key = key::generate();
    chain.root_key = key::generate();
    const auto& intermediate = options.intermediate;
    const auto& root = options.root;
    chain.leaf_pem = make_certificate(options.leaf, chain.leaf_key, intermediate.subject, chain.intermediate_key);
    chain.intermediate_pem = make_certificate(intermediate, chain.intermediate_key, root.subject, chain.root_key);
    chain.root_pem = make_certificate(root, chain.root_key, root.subject, chain.root_key);
    chain.pem = chain.leaf_pem + chain.intermediate_pem;
    return chain;
}

} // namespace acme::test
