#include "transport/probe.hpp"

#include "crypto/boringssl.hpp"
#include "transport/connection.hpp"
#include "transport/posted.hpp"
#include "transport/watchdog.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

namespace acme {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using finding = std::optional<std::string>;

// A status line, a header of a usual size, and the key authorization.
constexpr std::size_t largest_answer = 8 * 1024;

constexpr std::array<std::uint8_t, 11> acme_tls_1 = {10, 'a', 'c', 'm', 'e', '-', 't', 'l', 's', '/', '1'};

// The answer proves itself: nobody else has its key.
asio::ssl::context& unverified_context()
{
    static asio::ssl::context context = [] {
        asio::ssl::context made(asio::ssl::context::tls_client);
        made.set_verify_mode(asio::ssl::verify_none);
        return made;
    }();
    return context;
}

bool is_of(const SSL* tls, const key& k)
{
    const bssl::UniquePtr<X509> leaf(SSL_get_peer_certificate(tls));
    const bssl::UniquePtr<EVP_PKEY> public_key(leaf ? X509_get_pubkey(leaf.get()) : nullptr);
    const bool same = public_key && EVP_PKEY_cmp(public_key.get(), k.native_handle()) == 1;
    ERR_clear_error();
    return same;
}

// The body of a whole answer with status 200; empty where it is none.
std::string_view body_of(std::string_view answer) noexcept
{
    const bool is_success = answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.0 200 ");
    const auto end = answer.find("\r\n\r\n");
    return is_success && end != answer.npos ? answer.substr(end + 4) : std::string_view();
}

// Cancelled by the time limit rather than by the caller.
finding why_not(const boost::system::system_error& e, bool expired)
{
    if (expired)
        return "no answer in time";
    if (e.code() == asio::error::operation_aborted)
        throw;
    return e.code().message();
}

// A failure lets a group of operations go on.
asio::awaitable<void> expect_success(
    asio::awaitable<finding> probe, std::shared_ptr<std::vector<std::string>> found, std::size_t place)
{
    auto why = co_await std::move(probe);
    if (!why)
        co_return;
    (*found)[place] = *why;
    throw std::runtime_error(*why);
}

} // namespace

asio::awaitable<finding> async_probe_tls_alpn(tcp::endpoint where, std::string server_name, key expected,
    std::function<void()> prepare, std::chrono::steady_clock::time_point until)
{
    tcp::socket socket(co_await asio::this_coro::executor);
    auto stop = [&socket] {
        error_code ignored;
        socket.close(ignored);
    };
    const watchdog limit(socket.get_executor(), until, stop);
    std::optional<asio::ssl::stream<tcp::socket&>> tls;
    try {
        co_await socket.async_connect(where, asio::use_awaitable);
        prepare();
        tls.emplace(socket, unverified_context());
        SSL_set_alpn_protos(tls->native_handle(), acme_tls_1.data(), acme_tls_1.size());
        SSL_set_tlsext_host_name(tls->native_handle(), server_name.c_str());
        co_await tls->async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
    } catch (const boost::system::system_error& e) {
        co_return why_not(e, limit.expired());
    }
    if (!is_of(tls->native_handle(), expected))
        co_return "another server's certificate";
    co_return std::nullopt;
}

asio::awaitable<finding> async_probe_http(tcp::endpoint where, std::string host, std::string token,
    std::string expected, std::chrono::steady_clock::time_point until)
{
    tcp::socket socket(co_await asio::this_coro::executor);
    auto stop = [&socket] {
        error_code ignored;
        socket.close(ignored);
    };
    const watchdog limit(socket.get_executor(), until, stop);
    const std::string request = "GET /.well-known/acme-challenge/" + token + " HTTP/1.1\r\nHost: " + host +
        "\r\nUser-Agent: " + product_tokens() + "\r\nAccept: */*\r\nConnection: close\r\n\r\n";
    std::string answer(largest_answer, '\0');
    std::size_t size = 0;
    try {
        co_await socket.async_connect(where, asio::use_awaitable);
        co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
        while (size < answer.size() && body_of({answer.data(), size}).size() < expected.size()) {
            auto rest = asio::buffer(answer.data() + size, answer.size() - size);
            size += co_await socket.async_read_some(rest, asio::use_awaitable);
        }
    } catch (const boost::system::system_error& e) {
        if (e.code() != asio::error::eof)
            co_return why_not(e, limit.expired());
    }
    if (body_of({answer.data(), size}) != expected)
        co_return "another server's answer";
    co_return std::nullopt;
}

asio::awaitable<std::vector<std::string>> async_first_success(std::vector<asio::awaitable<finding>> probes)
{
    const auto executor = co_await asio::this_coro::executor;
    const auto found = std::make_shared<std::vector<std::string>>(probes.size());
    auto begin = [&](std::size_t i) {
        return asio::co_spawn(executor, posted(expect_success(std::move(probes[i]), found, i)), asio::deferred);
    };
    std::vector<decltype(begin(0))> all;
    for (std::size_t i = 0; i < probes.size(); ++i)
        all.push_back(begin(i));
    auto group = asio::experimental::make_parallel_group(std::move(all));
    const auto outcome = co_await group.async_wait(asio::experimental::wait_for_one_success(), asio::use_awaitable);
    const auto& failures = std::get<1>(outcome);
    if (std::ranges::find(failures, nullptr) != failures.end())
        co_return std::vector<std::string>();
    for (std::size_t i = 0; i < found->size(); ++i)
        if ((*found)[i].empty())
            std::rethrow_exception(failures[i]);
    co_return std::move(*found);
}

} // namespace acme
