#pragma once

#include <acme/encrypted_store.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace acme {

/// Whether it is a value as an encrypted store writes it.
bool is_encrypted(std::string_view stored) noexcept;

/// Objects to text and back.
struct encryption
{
    explicit encryption(encryption_options options);

    /// Throws `acme::error` (invalid_argument) for what can't be stored.
    std::string encrypt(std::string_view name, std::string_view value) const;
    /// Throws `acme::error` (`errc::damaged_state`) that names the object and quotes nothing of it.
    std::string decrypt(std::string_view name, std::string_view stored) const;
    /// Whether it is encrypted, with the key that is written with.
    bool is_current(std::string_view stored) const noexcept;

private:
    const encryption_key* find(std::string_view id) const noexcept;

    // The first one is written with.
    std::vector<encryption_key> keys_;
    bool accept_plain_text_;
};

} // namespace acme
