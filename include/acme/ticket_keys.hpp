#pragma once

#include <acme/clock.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace boost::asio::ssl {
class context;
}

namespace acme {

struct ticket_key_options
{
    /// For how long a key encrypts new tickets: a second to a year. Counted from 1970, so that machines with the same
    /// interval change keys together.
    std::chrono::seconds interval{6 * 3'600};
    /// For how many intervals more the tickets of a key are accepted (and replaced, TLS 1.2's too); at most 100. Then
    /// the key is destroyed: who takes the machine's memory after that learns nothing of what was said before.
    unsigned kept = 3;
    /// Injected by tests; the system's where empty.
    std::shared_ptr<acme::clock> clock;

    ticket_key_options() = default;
};

/// The keys of the TLS session tickets that a server issues (RFC 8446 section 4.6.1, RFC 5077), rotated: one encrypts,
/// some earlier ones are still accepted, and the next is made an interval ahead, so that a group of machines can agree
/// on it in time. A key is 384 bits of BoringSSL's generator, for AES-128-CBC and HMAC-SHA-256.
///
/// `make_server_context` makes itself one, or takes one that is shared. Contexts that share one resume each other's
/// sessions, for the same server name only. They must ask the same of their clients: a session of a context that wants
/// no client certificate would else be resumed by one that does (unless their session id contexts differ).
///
/// Thread safety: all members may be called from any thread. Handshakes do not wait for each other, and for the others
/// at a change of keys only.
class ticket_keys
{
public:
    /// Throws `std::invalid_argument` for options out of their range.
    explicit ticket_keys(ticket_key_options options = {});
    ~ticket_keys();
    ticket_keys(const ticket_keys&) = delete;
    ticket_keys& operator=(const ticket_keys&) = delete;

    /// Makes the keys that are due, and destroys those at their end. Handshakes do this by themselves and `async_serve`
    /// does it while nobody comes; a server of one's own may call it each interval.
    void rotate();

    /// All keys as an opaque string of a few hundred octets: for other machines, or for the time after a restart. Who
    /// has it can read recorded TLS 1.2 traffic of these keys' sessions and impersonate the server to their clients.
    std::string marshal();

    /// Takes over the keys of another object with the same interval. Of two keys for one interval the older one stays,
    /// on all machines the same: merging is commutative and idempotent, so machines that save `marshal()` after merging
    /// what is saved agree. Keys for other times than those of `options` are ignored. Throws `acme::error`
    /// (`errc::foreign_state`, `errc::damaged_state`) for what `marshal` did not return, and then changes nothing.
    void merge(std::string_view marshalled);

    const ticket_key_options& options() const noexcept;

private:
    class keyring;
    friend void install(boost::asio::ssl::context& tls, std::shared_ptr<ticket_keys> keys);

    std::shared_ptr<keyring> keyring_;
};

/// Lets the handshakes of `tls` issue and accept session tickets by these keys, in place of BoringSSL's own. To be
/// called before the first of them. Throws `std::bad_alloc`.
void install(boost::asio::ssl::context& tls, std::shared_ptr<ticket_keys> keys);

} // namespace acme
