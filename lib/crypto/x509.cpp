#include "crypto/x509.hpp"

#include "crypto/asn1_time.hpp"
#include "crypto/ip_address.hpp"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/nid.h>
#include <openssl/x509v3.h>

#include <algorithm>

namespace acme {
namespace {

constexpr std::size_t max_identifier_size = 64;
constexpr std::size_t max_issuer_size = 256;
constexpr std::size_t max_host_name_size = 253;
constexpr std::size_t max_label_size = 63;

char to_lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_label(std::string_view label)
{
    return !label.empty() && label.size() <= max_label_size && std::all_of(label.begin(), label.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

bool is_host_name(std::string_view name)
{
    if (name.size() > max_host_name_size)
        return false;
    if (name.starts_with("*."))
        name.remove_prefix(2);
    for (;;) {
        auto dot = name.find('.');
        auto label = name.substr(0, dot);
        if (!is_label(label))
            return false;
        if (dot == std::string_view::npos)
            return label.find_first_not_of("0123456789") != std::string_view::npos;
        name.remove_prefix(dot + 1);
    }
}

// X509's own accessor is no help for the serial: an ASN1_INTEGER has lost its leading zero.
bool read_tbs(CBS certificate, parsed_certificate& out)
{
    CBS outer;
    CBS tbs;
    CBS serial;
    CBS validity;
    if (!CBS_get_asn1(&certificate, &outer, CBS_ASN1_SEQUENCE) || !CBS_get_asn1(&outer, &tbs, CBS_ASN1_SEQUENCE) ||
        !CBS_get_optional_asn1(&tbs, nullptr, nullptr, CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0) ||
        !CBS_get_asn1(&tbs, &serial, CBS_ASN1_INTEGER) || CBS_len(&serial) == 0 ||
        CBS_len(&serial) > max_identifier_size || !CBS_get_asn1(&tbs, nullptr, CBS_ASN1_SEQUENCE) ||
        !CBS_get_asn1(&tbs, nullptr, CBS_ASN1_SEQUENCE) || !CBS_get_asn1(&tbs, &validity, CBS_ASN1_SEQUENCE))
        return false;
    auto not_before = read_asn1_time(validity);
    auto not_after = read_asn1_time(validity);
    if (!not_before || !not_after || CBS_len(&validity) != 0)
        return false;
    out.serial = view(serial);
    out.not_before = *not_before;
    out.not_after = *not_after;
    return true;
}

bool add_name(CBS content, unsigned tag, subject_alt_names& out)
{
    constexpr unsigned dns_name = CBS_ASN1_CONTEXT_SPECIFIC | 2;
    constexpr unsigned ip_address = CBS_ASN1_CONTEXT_SPECIFIC | 7;
    if (tag == dns_name) {
        std::string name(view(content));
        std::transform(name.begin(), name.end(), name.begin(), to_lower);
        if (!is_host_name(name))
            return false;
        out.names.push_back(std::move(name));
    } else if (tag == ip_address) {
        auto text = ip_text(view(content));
        if (!text)
            return false;
        out.names.push_back(std::move(*text));
    } else {
        out.others = true;
    }
    return true;
}

} // namespace

std::optional<parsed_certificate> parse_certificate(CRYPTO_BUFFER& der)
{
    error_queue_guard guard;
    parsed_certificate out;
    CBS cbs;
    CRYPTO_BUFFER_init_CBS(&der, &cbs);
    if (!read_tbs(cbs, out))
        return std::nullopt;
    out.x509.reset(X509_parse_from_buffer(&der));
    if (!out.x509 || (X509_get_extension_flags(out.x509.get()) & EXFLAG_INVALID) != 0)
        return std::nullopt;
    return out;
}

std::optional<subject_alt_names> read_subject_alt_names(const X509& x509)
{
    subject_alt_names out;
    auto index = X509_get_ext_by_NID(&x509, NID_subject_alt_name, -1);
    if (index < 0)
        return out;
    if (X509_get_ext_by_NID(&x509, NID_subject_alt_name, index) >= 0)
        return std::nullopt;
    const auto* value = X509_EXTENSION_get_data(X509_get_ext(&x509, index));
    CBS cbs;
    CBS sequence;
    CBS_init(&cbs, ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value)));
    if (!CBS_get_asn1(&cbs, &sequence, CBS_ASN1_SEQUENCE) || CBS_len(&cbs) != 0)
        return std::nullopt;
    while (CBS_len(&sequence) != 0) {
        CBS content;
        unsigned tag = 0;
        if (!CBS_get_any_asn1(&sequence, &content, &tag) || !add_name(content, tag, out))
            return std::nullopt;
    }
    return out;
}

std::string authority_key_identifier(X509& x509)
{
    error_queue_guard guard;
    const auto* id = X509_get0_authority_key_id(&x509);
    auto size = id == nullptr ? 0 : static_cast<std::size_t>(ASN1_STRING_length(id));
    if (size == 0 || size > max_identifier_size)
        return {};
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(id)), size};
}

std::string issuer_text(const X509& x509)
{
    error_queue_guard guard;
    bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
    must(bio != nullptr);
    const std::uint8_t* data = nullptr;
    std::size_t size = 0;
    // A string that has no rendering, such as a malformed BMPString, makes the whole fail; it is for people only.
    if (X509_NAME_print_ex(bio.get(), X509_get_issuer_name(&x509), 0, XN_FLAG_RFC2253) < 0 ||
        !BIO_mem_contents(bio.get(), &data, &size))
        return {};
    std::string text(reinterpret_cast<const char*>(data), std::min(size, max_issuer_size));
    std::replace_if(text.begin(), text.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
    return text;
}

} // namespace acme
