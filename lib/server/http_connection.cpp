#include "server/http_connection.hpp"

#include <boost/asio/buffer.hpp>

#include <array>

namespace acme {

namespace http = boost::beast::http;

asio::awaitable<void> linger(boost::beast::tcp_stream& stream)
{
    constexpr std::size_t most = 1024 * 1024;
    boost::system::error_code ec;
    stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ec);
    stream.expires_after(linger_timeout);
    std::array<char, 4096> dropped;
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    for (std::size_t total = 0; !ec && total < most;)
        total += co_await stream.async_read_some(asio::buffer(dropped), token);
}

std::optional<http::status> refusal_of(const boost::system::error_code& ec)
{
    if (ec == http::error::header_limit || ec == http::error::buffer_overflow)
        return http::status::request_header_fields_too_large;
    if (ec == http::error::body_limit)
        return http::status::payload_too_large;
    if (ec == http::error::end_of_stream || ec == http::error::partial_message)
        return std::nullopt;
    if (ec.category() == make_error_code(http::error::bad_method).category())
        return http::status::bad_request;
    return std::nullopt;
}

} // namespace acme
