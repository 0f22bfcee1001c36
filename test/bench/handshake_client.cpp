#include "handshake_client.hpp"

#include "figure.hpp"
#include "many_certificates.hpp"

#include <openssl/err.h>

#include <arpa/inet.h>
#include <array>
#include <future>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <random>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace acme::bench {
namespace {

sockaddr_in endpoint(std::uint32_t address, std::uint16_t port)
{
    sockaddr_in e{};
    e.sin_family = AF_INET;
    e.sin_port = htons(port);
    e.sin_addr.s_addr = htonl(address);
    return e;
}

} // namespace

class handshake_client::connection
{
public:
    explicit connection(const handshake_client& c)
        : tls_(SSL_new(c.context_.get()))
        , socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        const auto from = endpoint(c.address_, 0);
        const auto to = endpoint(INADDR_LOOPBACK, c.port_);
        const int on = 1;
        ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        ::setsockopt(socket_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (::bind(socket_, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0 ||
            ::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
            throw std::runtime_error("can't connect to the server");
        SSL_set_fd(tls_.get(), socket_);
    }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    ~connection() { ::close(socket_); }

    bool shake(const std::string& host)
    {
        SSL_set_tlsext_host_name(tls_.get(), host.c_str());
        const bool done = SSL_connect(tls_.get()) == 1;
        ERR_clear_error();
        return done;
    }

    void read_to_the_end()
    {
        std::array<char, 256> rest;
        while (SSL_read(tls_.get(), rest.data(), rest.size()) > 0) {
        }
        ERR_clear_error();
    }

private:
    bssl::UniquePtr<SSL> tls_;
    int socket_;
};

handshake_client::handshake_client(std::uint16_t port, std::optional<std::uint8_t> number)
    : port_(port)
    , address_(number ? 0x7f000100 + *number : INADDR_LOOPBACK)
    , context_(SSL_CTX_new(TLS_method()))
{
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_3_VERSION);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_OFF);
}

bool handshake_client::shake(const std::string& host) const
{
    connection c(*this);
    if (!c.shake(host))
        return false;
    c.read_to_the_end();
    return true;
}

void handshake_client::must_shake(const std::string& host) const
{
    if (!shake(host))
        throw std::runtime_error("the handshake for " + host + " failed");
}

double handshake_client::time(const std::string& host) const
{
    const double begin = wall_seconds();
    connection c(*this);
    const bool done = c.shake(host);
    const double end = wall_seconds();
    if (!done)
        throw std::runtime_error("the handshake for " + host + " failed");
    c.read_to_the_end();
    return end - begin;
}

void shake_many(const handshake_client& client, std::size_t count, std::size_t hosts, unsigned threads, unsigned seed)
{
    std::vector<std::future<void>> parts;
    for (unsigned i = 0; i < threads; ++i)
        parts.push_back(std::async(std::launch::async, [&client, count, hosts, threads, i, seed] {
            std::mt19937 random(seed * 1000 + i);
            std::uniform_int_distribution<std::size_t> host(0, hosts - 1);
            for (auto n = count / threads; n != 0; --n)
                client.must_shake(host_name(host(random)));
        }));
    for (auto& p : parts)
        p.get();
}

} // namespace acme::bench
