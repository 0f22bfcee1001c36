#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

namespace acme::test {

/// A TLS client that blocks, and verifies what it is shown.
/// Thread safety: from any thread.
class visitor
{
public:
    /// Trusts that CA only.
    explicit visitor(const std::filesystem::path& root);

    /// The serial number of the certificate that the server at that port of this machine has for the host; empty where
    /// there is no handshake within the limit.
    std::string visit(
        std::uint16_t port, const std::string& host, std::chrono::milliseconds limit = std::chrono::seconds(20)) const;

private:
    bssl::UniquePtr<SSL_CTX> context_;
};

} // namespace acme::test
