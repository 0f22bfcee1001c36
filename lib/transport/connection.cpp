#include "transport/connection.hpp"

#include "transport/version.hpp"

#include <acme/error.hpp>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/version.hpp>

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <sys/socket.h>
#include <utility>

namespace acme {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using parser_type = http::response_parser<http::string_body>;

constexpr const char* step = "connection to the CA";
constexpr unsigned max_informational = 8;

// Makes BoringSSL compare the certificate's names as a part of its verification, so that a failure has a reason of its
// own.
void expect_name(SSL* tls, const target& where)
{
    X509_VERIFY_PARAM* parameters = SSL_get0_param(tls);
    int done = 0;
    if (where.ip_address) {
        done = X509_VERIFY_PARAM_set1_ip_asc(parameters, where.host.c_str());
    } else {
        X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        done = X509_VERIFY_PARAM_set1_host(parameters, where.host.data(), where.host.size()) != 0 &&
            SSL_set_tlsext_host_name(tls, where.host.c_str()) != 0;
    }
    if (done == 0)
        throw error(errc::unexpected_answer, step, "not a host name: " + where.authority);
}

std::string lower_case(std::string_view text)
{
    std::string lower(text);
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return lower;
}

[[noreturn]] void throw_read_error(const error_code& ec)
{
    if (ec == http::error::header_limit || ec == http::error::body_limit || ec == http::error::buffer_overflow)
        throw error(errc::answer_too_large, step, ec.message());
    if (ec.category() == make_error_code(http::error::end_of_stream).category() && ec != http::error::end_of_stream &&
        ec != http::error::partial_message)
        throw error(errc::unexpected_answer, step, "not HTTP: " + ec.message());
    throw boost::system::system_error(ec);
}

void refuse_encodings(const parser_type::value_type& message)
{
    const auto content = message.find(http::field::content_encoding);
    if (content != message.end() && !boost::beast::iequals(content->value(), "identity"))
        throw error(errc::unexpected_answer, step, "a compressed answer, which was not asked for");
    const auto transfer = message.find(http::field::transfer_encoding);
    if (transfer != message.end() && !boost::beast::iequals(transfer->value(), "chunked"))
        throw error(errc::unexpected_answer, step, "a transfer coding other than chunked");
}

https_response to_response(parser_type::value_type message)
{
    https_response response;
    response.status = message.result_int();
    for (const auto& field : message)
        response.fields.emplace_back(lower_case(field.name_string()), std::string(field.value()));
    response.body = std::move(message.body());
    return response;
}

} // namespace

struct connection::streams
{
    streams(asio::any_io_executor executor, asio::ssl::context& context, std::size_t header_limit_)
        : tls(std::move(executor), context)
        , header_limit(header_limit_)
    {}

    // Reads until the header of the final answer, past those that only inform.
    asio::awaitable<void> async_read_header(bool head, std::size_t body_limit, bool& answered);

    // Reads some more of the answer.
    asio::awaitable<std::size_t> async_read_some(error_code& ec);
    asio::awaitable<void> async_write(std::string wire);

    // Whether more has come than the answer: decrypted, or still a record.
    bool has_unread() const
    {
        if (plain)
            return false;
        const SSL* native = const_cast<asio::ssl::stream<tcp::socket>&>(tls).native_handle();
        return SSL_has_pending(native) != 0 || BIO_pending(SSL_get_rbio(native)) != 0;
    }

    // A plain connection uses the socket in it.
    asio::ssl::stream<tcp::socket> tls;
    bool plain = false;
    std::size_t header_limit;
    boost::beast::flat_buffer buffer;
    std::optional<parser_type> parser;
};

asio::awaitable<std::size_t> connection::streams::async_read_some(error_code& ec)
{
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    if (plain)
        co_return co_await http::async_read_some(tls.next_layer(), buffer, *parser, token);
    co_return co_await http::async_read_some(tls, buffer, *parser, token);
}

asio::awaitable<void> connection::streams::async_write(std::string wire)
{
    if (plain)
        co_await asio::async_write(tls.next_layer(), asio::buffer(wire), asio::use_awaitable);
    else
        co_await asio::async_write(tls, asio::buffer(wire), asio::use_awaitable);
}

asio::awaitable<void> connection::streams::async_read_header(bool head, std::size_t body_limit, bool& answered)
{
    for (unsigned informational = 0;; ++informational) {
        parser.emplace();
        parser->header_limit(static_cast<std::uint32_t>(header_limit));
        parser->body_limit(body_limit);
        parser->skip(head);
        error_code ec;
        // The parser's own limit is for what is left unparsed.
        for (std::size_t parsed = 0; !ec && !parser->is_header_done();) {
            parsed += co_await async_read_some(ec);
            if (!ec && parsed > header_limit)
                ec = http::error::header_limit;
        }
        answered = answered || parser->got_some();
        if (ec)
            throw_read_error(ec);
        const unsigned status = parser->get().result_int();
        if (status >= 200)
            co_return;
        if (status == 101 || informational == max_informational)
            throw error(errc::unexpected_answer, step, "HTTP status " + std::to_string(status));
    }
}

connection::connection(asio::any_io_executor executor, asio::ssl::context& context, std::size_t header_limit)
    : streams_(std::make_unique<streams>(std::move(executor), context, header_limit))
{}

connection::~connection() = default;

asio::awaitable<void> connection::async_connect(tcp::endpoint address, const target& where)
{
    auto& tls = streams_->tls;
    streams_->plain = !where.tls;
    if (where.tls)
        expect_name(tls.native_handle(), where);
    co_await tls.next_layer().async_connect(address, asio::use_awaitable);
    error_code ignored;
    tls.next_layer().set_option(tcp::no_delay(true), ignored);
    if (!where.tls)
        co_return;

    error_code ec;
    co_await tls.async_handshake(asio::ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, ec));
    if (!ec)
        co_return;
    // Invalid call: nothing was verified yet.
    const long verified = SSL_get_verify_result(tls.native_handle());
    if (verified != X509_V_OK && verified != X509_V_ERR_INVALID_CALL)
        explanation_ = std::string("the certificate is refused: ") + X509_verify_cert_error_string(verified);
    throw boost::system::system_error(ec);
}

asio::awaitable<void> connection::async_send(std::string wire, bool head, std::size_t body_limit)
{
    streams& s = *streams_;
    sent_ = answered_ = reusable_ = false;
    co_await s.async_write(std::move(wire));
    sent_ = true;

    s.buffer.clear();
    s.buffer.max_size(s.header_limit + 64 * 1024);
    co_await s.async_read_header(head, body_limit, answered_);
    refuse_encodings(s.parser->get());
}

asio::awaitable<https_response> connection::async_finish()
{
    streams& s = *streams_;
    s.parser->eager(true);
    error_code ec;
    while (!ec && !s.parser->is_done())
        co_await s.async_read_some(ec);
    if (ec)
        throw_read_error(ec);

    reusable_ = s.parser->keep_alive() && s.buffer.size() == 0 && !s.has_unread();
    https_response response = to_response(s.parser->release());
    s.parser.reset();
    co_return response;
}

asio::awaitable<https_response> connection::async_exchange(std::string wire, bool head, std::size_t body_limit)
{
    co_await async_send(std::move(wire), head, body_limit);
    co_return co_await async_finish();
}

asio::awaitable<https_response> connection::async_begin(std::string wire, std::size_t body_limit)
{
    co_await async_send(std::move(wire), false, body_limit);
    if (streams_->parser->get().result() != http::status::ok)
        co_return co_await async_finish();
    streams_->parser->body_limit(boost::none);
    parser_type::value_type header(streams_->parser->get().base());
    co_return to_response(std::move(header));
}

asio::awaitable<std::string> connection::async_read_piece()
{
    streams& s = *streams_;
    std::string piece = std::exchange(s.parser->get().body(), {});
    error_code ec;
    while (!ec && piece.empty() && !s.parser->is_done()) {
        co_await s.async_read_some(ec);
        piece = std::exchange(s.parser->get().body(), {});
    }
    if (ec && piece.empty())
        throw_read_error(ec);
    co_return piece;
}

bool connection::quiet() const
{
    const auto& socket = streams_->tls.next_layer();
    char octet = 0;
    const auto handle = const_cast<tcp::socket&>(socket).native_handle();
    const auto got = ::recv(handle, &octet, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && !streams_->has_unread();
}

void connection::keep_alive() noexcept
{
    auto& socket = streams_->tls.next_layer();
    error_code ignored;
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    const auto set = [&](int option, int value) {
        ::setsockopt(socket.native_handle(), IPPROTO_TCP, option, &value, sizeof value);
    };
    set(TCP_KEEPIDLE, 10);
    set(TCP_KEEPINTVL, 5);
    set(TCP_KEEPCNT, 3);
}

void connection::close() noexcept
{
    reusable_ = false;
    error_code ignored;
    streams_->tls.next_layer().close(ignored);
}

std::string product_tokens()
{
    return "asio-acme/" ACME_VERSION " " BOOST_BEAST_VERSION_STRING;
}

} // namespace acme
