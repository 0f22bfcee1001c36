#include "kit/visitor.hpp"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <csignal>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace acme::test {
namespace {

/// Each of its reads and writes ends within the limit.
class connection
{
public:
    connection(std::uint16_t port, std::chrono::milliseconds limit)
        : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        timeval t{};
        t.tv_sec = limit.count() / 1000;
        t.tv_usec = limit.count() % 1000 * 1000;
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
        ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    }
    ~connection() { ::close(socket_); }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    bool connected() const noexcept { return connected_; }
    int socket() const noexcept { return socket_; }

private:
    int socket_;
    bool connected_ = false;
};

std::string serial_of(const X509* certificate)
{
    const bssl::UniquePtr<BIGNUM> number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
    const bssl::UniquePtr<char> text(BN_bn2hex(number.get()));
    return text.get();
}

} // namespace

visitor::visitor(const std::filesystem::path& root)
    : context_(SSL_CTX_new(TLS_method()))
{
    // BoringSSL writes to sockets whose peers are gone.
    ::signal(SIGPIPE, SIG_IGN);
    if (SSL_CTX_load_verify_locations(context_.get(), root.c_str(), nullptr) != 1)
        throw std::runtime_error("no trust anchors in " + root.native());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_OFF);
}

std::string visitor::visit(std::uint16_t port, const std::string& host, std::chrono::milliseconds limit) const
{
    const connection c(port, limit);
    const bssl::UniquePtr<SSL> tls(SSL_new(context_.get()));
    SSL_set_fd(tls.get(), c.socket());
    SSL_set_tlsext_host_name(tls.get(), host.c_str());
    X509_VERIFY_PARAM_set1_host(SSL_get0_param(tls.get()), host.data(), host.size());
    const bool done = c.connected() && SSL_connect(tls.get()) == 1;
    ERR_clear_error();
    if (!done)
        return {};
    const bssl::UniquePtr<X509> certificate(SSL_get_peer_certificate(tls.get()));
    SSL_shutdown(tls.get());
    return serial_of(certificate.get());
}

} // namespace acme::test
