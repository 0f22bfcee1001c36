#pragma once

#include <acme/store.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace acme {

/// A key of AES-256: 32 random octets. Copies share it; it is wiped with the last of them.
class encryption_key
{
public:
    /// A new one.
    static encryption_key generate();
    /// From base64, as `openssl rand -base64 32` and `text` give it. Throws `acme::error` (invalid_argument), which
    /// quotes nothing of the text.
    static encryption_key from_text(std::string_view text);

    /// In base64. It is all that an attacker needs.
    std::string text() const;
    /// Which key this is, in 16 hexadecimal digits that are computed from it and do not give it away: for logs.
    const std::string& id() const noexcept;

private:
    struct secret;
    friend struct encryption;

    explicit encryption_key(std::string octets);

    std::shared_ptr<const secret> secret_;
};

struct encryption_options
{
    /// What everything is written with.
    encryption_key key;
    /// Further ones with which something was written that is still to be read.
    std::vector<encryption_key> accepted;
    /// Objects that are not encrypted are read as well, and encrypted when they are saved next: for a store that was
    /// used without encryption before. Who can write to the store can then put an object of his own there.
    bool accept_plain_text = false;

    explicit encryption_options(encryption_key k)
        : key(std::move(k))
    {}
};

/// The keys in a file, in base64, a line each: the first is written with, all are read with. Empty lines and those that
/// begin with # count for nothing. Throws `acme::error` with the file's name and the number of the line.
///
/// A new key is put in the second line first, at all machines that share the store; then it is made the first line
/// everywhere; then `async_encrypt_again` is called; and then the old one is removed.
encryption_options read_encryption_keys(const std::filesystem::path& file);

/// Objects encrypted with AES-256-GCM on their way to another store: what it holds is of no use without the key, and
/// can't be changed, or given another object's name, unnoticed. (An older value of the same object, or none, can be put
/// in its place: that needs a store which can be trusted that far.) The keys of objects, the names of locks and the
/// sizes of values are not hidden.
///
/// An object is stored as the text "asio-acme-encrypted 1 <key's id> <nonce, ciphertext and tag in base64url>". Values
/// can have up to 768,000 octets. An object under one of the accepted keys is encrypted with the current key when it is
/// saved next.
///
/// Errors: those of the store behind, and `errc::damaged_state` for an object that is not encrypted, is encrypted with
/// a
///     key which is not among those given (named by its id), or was changed.
/// Thread safety, cancellation, locks, subscriptions: those of the store behind. A change to an object that can't be
///     decrypted is told as `store_change::kind::anything`.
std::shared_ptr<store> make_encrypted_store(std::shared_ptr<store> behind, encryption_options options);

/// Encrypts with the current key what the store behind an encrypted one holds under accepted keys, or as plain text
/// where that is accepted: whatever is not saved for years would be under the old key for as long. Objects that
/// somebody else saves at the same time are left to him. Returns how many objects were encrypted again.
///
/// Errors: those of the store; where objects could not be decrypted, `errc::damaged_state` for one of them, once all
///     others are done.
/// Cancellation: terminal, between two objects and within what the store can cancel.
/// Lifetime: it may be awaited after `behind` was given away.
boost::asio::awaitable<std::size_t> async_encrypt_again(std::shared_ptr<store> behind, encryption_options options);

} // namespace acme
