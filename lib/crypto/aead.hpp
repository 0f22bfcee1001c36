#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace acme {

/// AES-256-GCM (NIST SP 800-38D), with nonces of 96 bits and tags of 128.
inline constexpr std::size_t aead_key_size = 32;
inline constexpr std::size_t aead_nonce_size = 12;
inline constexpr std::size_t aead_overhead = aead_nonce_size + 16;

/// Nonce, ciphertext and tag. A nonce must never be used twice with a key; a random one is fit for 2^32 messages.
std::string aead_seal(
    std::string_view key, std::string_view nonce, std::string_view plain_text, std::string_view associated);
/// With a random nonce.
std::string aead_seal(std::string_view key, std::string_view plain_text, std::string_view associated);

/// Empty where `sealed` was not made with this key and this associated text.
std::optional<std::string> aead_open(std::string_view key, std::string_view sealed, std::string_view associated);

} // namespace acme
