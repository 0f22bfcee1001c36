#include "testing/csr.hpp"

#include "crypto/ip_address.hpp"

#include <openssl/nid.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <stdexcept>

namespace acme::testing {

namespace {

std::string_view text(const ASN1_STRING* s)
{
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(s)), static_cast<std::size_t>(ASN1_STRING_length(s))};
}

struct free_extensions
{
    void operator()(STACK_OF(X509_EXTENSION) * s) const { sk_X509_EXTENSION_pop_free(s, X509_EXTENSION_free); }
};

} // namespace

read_csr::read_csr(std::string_view der)
{
    const auto* in = reinterpret_cast<const std::uint8_t*>(der.data());
    const bssl::UniquePtr<X509_REQ> request(d2i_X509_REQ(nullptr, &in, static_cast<long>(der.size())));
    if (!request)
        throw std::runtime_error("the CSR does not parse");
    public_key.reset(X509_REQ_get_pubkey(request.get()));
    if (!public_key || X509_REQ_verify(request.get(), public_key.get()) != 1)
        throw std::runtime_error("the CSR is not signed by its key");
    const std::unique_ptr<STACK_OF(X509_EXTENSION), free_extensions> extensions(X509_REQ_get_extensions(request.get()));
    const bssl::UniquePtr<GENERAL_NAMES> names(
        static_cast<GENERAL_NAMES*>(X509V3_get_d2i(extensions.get(), NID_subject_alt_name, nullptr, nullptr)));
    if (!names)
        throw std::runtime_error("the CSR has no subject alternative names");
    for (std::size_t i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type == GEN_DNS)
            identifiers.emplace_back("dns", std::string(text(name->d.dNSName)));
        else if (name->type == GEN_IPADD)
            identifiers.emplace_back("ip", ip_text(text(name->d.iPAddress)).value_or(""));
        else
            throw std::runtime_error("the CSR has names of other types");
    }
}

} // namespace acme::testing
