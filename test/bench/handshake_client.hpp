#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace acme::bench {

/// A TLS 1.3 client that blocks: one full handshake a call, without resumption or verification, on a connection of its
/// own.
/// Thread safety: from any thread.
class handshake_client
{
public:
    /// Its address is 127.0.0.1, or 127.0.1.`number`.
    explicit handshake_client(std::uint16_t port, std::optional<std::uint8_t> number = std::nullopt);

    /// Connects, makes the handshake and reads to the end, which the server makes once it has completed its part.
    /// Whether the handshake succeeded.
    bool shake(const std::string& host) const;
    /// The same; throws `std::runtime_error` where it fails.
    void must_shake(const std::string& host) const;
    /// Seconds from the begin of the connection to the end of the handshake. Throws likewise.
    double time(const std::string& host) const;

private:
    class connection;

    std::uint16_t port_;
    std::uint32_t address_;
    bssl::UniquePtr<SSL_CTX> context_;
};

/// `count` handshakes by `threads` threads, for random hosts among the first `hosts`; the same ones for the same seed.
void shake_many(const handshake_client& client, std::size_t count, std::size_t hosts, unsigned threads, unsigned seed);

} // namespace acme::bench
