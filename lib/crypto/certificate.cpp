#include "crypto/base64.hpp"
#include "crypto/boringssl.hpp"
#include "crypto/certificate_parser.hpp"
#include "crypto/pem.hpp"
#include "crypto/x509.hpp"

#include <acme/certificate.hpp>

#include <openssl/evp.h>
#include <openssl/pool.h>

#include <algorithm>

namespace acme {
namespace {

constexpr std::size_t max_chain_size = 256 * 1024;
constexpr std::size_t max_chain_length = 10;

// Thousands of chains share a handful of issuers. Leaves stay outside: each handshake takes and gives back references,
// and that of a pooled buffer locks the pool.
CRYPTO_BUFFER_POOL* issuer_pool()
{
    static CRYPTO_BUFFER_POOL* const pool = CRYPTO_BUFFER_POOL_new();
    return pool;
}

std::string hexadecimal(std::string_view data)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * data.size());
    for (char c : data) {
        auto octet = static_cast<unsigned char>(c);
        text.append({digits[octet >> 4], digits[octet & 0xf]});
    }
    return text;
}

certificate_ptr refuse(std::string& why, std::string_view sentence)
{
    why = sentence;
    return nullptr;
}

bool has_key(X509& x509, const key& k)
{
    error_queue_guard guard;
    bssl::UniquePtr<EVP_PKEY> pkey(X509_get_pubkey(&x509));
    return pkey && k && EVP_PKEY_cmp(pkey.get(), k.native_handle()) == 1;
}

std::string certificate_id(X509& x509, std::string_view serial)
{
    auto authority = authority_key_identifier(x509);
    return authority.empty() ? authority : base64url_encode(authority) + "." + base64url_encode(serial);
}

} // namespace

certificate::certificate() = default;

certificate::~certificate()
{
    for (auto* buffer : chain_)
        CRYPTO_BUFFER_free(buffer);
}

certificate_ptr certificate_parser::join(
    std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> chain, key private_key, std::string& why)
{
    if (chain.empty())
        return refuse(why, "The chain holds no certificate.");
    auto leaf = parse_certificate(*chain.front());
    if (!leaf)
        return refuse(why, "The chain's first certificate is malformed.");
    for (std::size_t i = 1; i < chain.size(); ++i) {
        if (!parse_certificate(*chain[i]))
            return refuse(why, "Certificate " + std::to_string(i + 1) + " of the chain is malformed.");
    }
    auto names = read_subject_alt_names(*leaf->x509);
    if (!names)
        return refuse(why, "The certificate's subject alternative names are malformed.");
    if (!has_key(*leaf->x509, private_key))
        return refuse(why, "The chain's first certificate is for another key than the one at hand.");

    std::shared_ptr<certificate> c(new certificate);
    c->key_ = std::move(private_key);
    c->names_ = std::move(names->names);
    c->names_.shrink_to_fit();
    c->issuer_ = issuer_text(*leaf->x509);
    c->serial_ = hexadecimal(leaf->serial);
    c->renewal_id_ = certificate_id(*leaf->x509, leaf->serial);
    c->not_before_ = leaf->not_before;
    c->not_after_ = leaf->not_after;
    c->chain_.reserve(chain.size());
    for (auto& buffer : chain)
        c->chain_.push_back(buffer.release());
    return c;
}

certificate_ptr certificate::from_pem(std::string_view chain_pem, key private_key, std::string& why)
{
    if (chain_pem.size() > max_chain_size)
        return refuse(why, "The chain is larger than 256 KiB.");
    auto blocks = parse_pem(chain_pem, max_chain_length + 1);
    if (!blocks)
        return refuse(why, "The chain is malformed PEM.");
    if (blocks->size() > max_chain_length)
        return refuse(why, "The chain has more than 10 certificates.");
    std::vector<std::string> chain;
    for (auto& block : *blocks) {
        if (block.label != "CERTIFICATE")
            return refuse(why, "The chain holds a PEM block that is no certificate.");
        chain.push_back(std::move(block.der));
    }
    return from_der(chain, std::move(private_key), why);
}

certificate_ptr certificate::from_der(std::span<const std::string> chain, key private_key, std::string& why)
{
    std::size_t size = 0;
    std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> buffers;
    for (const auto& der : chain) {
        size += der.size();
        if (size > max_chain_size || buffers.size() == max_chain_length)
            return refuse(why, "The chain is larger than 256 KiB or 10 certificates.");
        auto* pool = buffers.empty() ? nullptr : issuer_pool();
        buffers.emplace_back(CRYPTO_BUFFER_new(octets(der), der.size(), pool));
        must(buffers.back() != nullptr);
    }
    return certificate_parser::join(std::move(buffers), std::move(private_key), why);
}

bool certificate::covers(std::string_view name) const noexcept
{
    // An IP address never matches a wildcard: `from_pem` admits no dNSName that ends in a number.
    auto dot = name.find('.');
    auto parent = dot == std::string_view::npos || dot == 0 ? std::string_view() : name.substr(dot);
    return std::any_of(names_.begin(), names_.end(), [&](std::string_view own) {
        return own == name || (!parent.empty() && own.starts_with('*') && own.substr(1) == parent);
    });
}

std::string certificate::chain_pem() const
{
    std::string pem;
    for (auto* buffer : chain_) {
        CBS der;
        CRYPTO_BUFFER_init_CBS(buffer, &der);
        pem += write_pem("CERTIFICATE", view(der));
    }
    return pem;
}

std::string_view certificate::leaf_der() const noexcept
{
    CBS der;
    CRYPTO_BUFFER_init_CBS(chain_.front(), &der);
    return view(der);
}

} // namespace acme
