#pragma once

#include "kit/pebble.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The real clients of the integration tests, which are linked to another TLS library than the servers; and one that
/// writes a ClientHello octet by octet.
namespace acme::test {

struct page
{
    int exit_code = -1;
    /// 0 where there was no answer.
    int status = 0;
    std::string body;
    std::string location;
    std::string err;
};

/// curl: `https://<host>:<port>/`, at 127.0.0.1, with the server's certificate verified up to `root`.
page curl(const std::string& host, std::uint16_t port, const std::filesystem::path& root,
    std::vector<std::string> arguments = {});

struct tls_peer
{
    int exit_code = -1;
    /// Whether the handshake was completed and the certificate verified, up to the root and for the host.
    bool verified = false;
    /// The alert that it got, as a number.
    std::optional<int> alert;
    /// The leaf's PEM.
    std::string certificate;
    std::string text;
};

/// openssl s_client.
tls_peer s_client(const std::string& host, std::uint16_t port, const std::filesystem::path& root,
    std::vector<std::string> arguments = {});

/// What came back for a ClientHello whose server_name has these octets; they may be none that a client would send.
struct hello_answer
{
    /// The first record's content type: 21 alert, 22 handshake; 0 where the server closed without a word.
    int content_type = 0;
    /// An alert's description.
    int alert = 0;
};

hello_answer send_client_hello(std::uint16_t port, std::string_view server_name);

} // namespace acme::test
