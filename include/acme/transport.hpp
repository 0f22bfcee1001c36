#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace acme {

/// One HTTP request of the ACME protocol (RFC 8555 section 6.1).
struct https_request
{
    /// "GET", "HEAD" or "POST".
    std::string method;
    /// Absolute, https.
    std::string url;
    /// Content-Type, sent as it is; only with a body.
    std::string content_type;
    std::string accept;
    std::string body;
    /// The largest body accepted in the answer, in octets.
    std::size_t body_limit = 64 * 1024;

    https_request() = default;
    https_request(std::string method_, std::string url_)
        : method(std::move(method_))
        , url(std::move(url_))
    {}
};

/// What came back. Status codes are not errors here; redirects are not followed.
struct https_response
{
    unsigned status = 0;
    /// In the order received; names in lower case.
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;
    /// The request went out twice, because the peer closed a kept-alive connection without answering on it: perhaps
    /// after acting on it.
    bool resent = false;

    https_response() = default;

    /// The first field of that (lower-case) name.
    std::optional<std::string_view> find(std::string_view name) const noexcept;
    /// All fields of that name.
    std::vector<std::string> find_all(std::string_view name) const;
    /// The media type of Content-Type in lower case, without parameters; empty where there is none.
    std::string media_type() const;
};

/// The one function that stands between a client and the network, so that a test can stand there too.
class transport
{
public:
    virtual ~transport() = default;

    /// Sends one request and reads its whole answer. May be called concurrently, on the strand of the client that owns
    /// it; must outlive the call. Throws `acme::error` (step "connection to the CA") with a resolver, socket or TLS
    /// error, `errc::timed_out`, `errc::answer_too_large` or `errc::unexpected_answer`. A request is sent again only
    /// when a kept-alive connection turns out to have been closed by the peer before a single octet of the answer came
    /// (RFC 9112 section 9.3.1), with the same octets and once; the answer to it says so (`https_response::resent`).
    /// Cancellation: terminal; the connection is closed.
    virtual boost::asio::awaitable<https_response> async_exchange(https_request request) = 0;
};

struct https_options
{
    /// PEM file with the trust anchors to use instead of the system's; for a private CA.
    std::string ca_file;
    /// PEM text with trust anchors, used as well as `ca_file`.
    std::string trust_anchors;
    /// Put in front of this library's own product token (RFC 8555 section 6.1).
    std::string user_agent;
    /// Connecting to one address, including TLS.
    std::chrono::steady_clock::duration connect_timeout = std::chrono::seconds(10);
    /// One exchange from start to end: resolving, connecting, sending, receiving.
    std::chrono::steady_clock::duration exchange_timeout = std::chrono::seconds(30);
    /// Connections to one origin at a time; further exchanges wait. They are kept alive and used again, last used
    /// first.
    std::size_t max_connections = 4;
    /// An unused connection is closed after this.
    std::chrono::steady_clock::duration idle_timeout = std::chrono::seconds(20);
    /// The largest answer header, in octets.
    std::size_t header_limit = 16 * 1024;

    https_options() = default;
};

/// HTTPS over Asio and BoringSSL: HTTP/1.1, TLS 1.2 or later, the server's certificate verified with its name. All
/// addresses of the host are tried. Without trust anchors in the options the system's are used: those of the
/// environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR` where they are set, else the distribution's bundle.
/// `executor` is a strand, or runs on one thread; exchanges must be awaited on it. Reads files before it returns;
/// throws `acme::error` where `ca_file` can't be read or holds no certificate.
std::shared_ptr<transport> make_https_transport(boost::asio::any_io_executor executor, https_options options);

} // namespace acme
