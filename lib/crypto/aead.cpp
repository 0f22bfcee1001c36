#include "crypto/aead.hpp"

#include "crypto/boringssl.hpp"

#include <openssl/aead.h>
#include <openssl/rand.h>

#include <array>
#include <stdexcept>

namespace acme {

namespace {

class context
{
public:
    explicit context(std::string_view key)
    {
        if (key.size() != aead_key_size)
            throw std::invalid_argument("not a key of AES-256");
        must(EVP_AEAD_CTX_init(
            context_.get(), EVP_aead_aes_256_gcm(), octets(key), key.size(), EVP_AEAD_DEFAULT_TAG_LENGTH, nullptr));
    }

    const EVP_AEAD_CTX* get() const noexcept { return context_.get(); }

private:
    bssl::ScopedEVP_AEAD_CTX context_;
};

std::uint8_t* writable(std::string& s)
{
    return reinterpret_cast<std::uint8_t*>(s.data());
}

} // namespace

std::string aead_seal(
    std::string_view key, std::string_view nonce, std::string_view plain_text, std::string_view associated)
{
    const context c(key);
    if (nonce.size() != aead_nonce_size)
        throw std::invalid_argument("not a nonce of 96 bits");
    std::string sealed(nonce);
    sealed.resize(plain_text.size() + aead_overhead);
    std::size_t size = 0;
    must(EVP_AEAD_CTX_seal(c.get(), writable(sealed) + aead_nonce_size, &size, sealed.size() - aead_nonce_size,
        octets(nonce), nonce.size(), octets(plain_text), plain_text.size(), octets(associated), associated.size()));
    sealed.resize(aead_nonce_size + size);
    return sealed;
}

std::string aead_seal(std::string_view key, std::string_view plain_text, std::string_view associated)
{
    std::string nonce(aead_nonce_size, '\0');
    must(RAND_bytes(writable(nonce), nonce.size()));
    return aead_seal(key, nonce, plain_text, associated);
}

std::optional<std::string> aead_open(std::string_view key, std::string_view sealed, std::string_view associated)
{
    const error_queue_guard errors;
    const context c(key);
    if (sealed.size() < aead_overhead)
        return std::nullopt;
    const std::string_view nonce = sealed.substr(0, aead_nonce_size);
    sealed.remove_prefix(aead_nonce_size);
    std::optional<std::string> plain_text(std::in_place, sealed.size(), '\0');
    std::size_t size = 0;
    const int ok = EVP_AEAD_CTX_open(c.get(), writable(*plain_text), &size, plain_text->size(), octets(nonce),
        nonce.size(), octets(sealed), sealed.size(), octets(associated), associated.size());
    if (ok != 1)
        return std::nullopt;
    plain_text->resize(size);
    return plain_text;
}

} // namespace acme
