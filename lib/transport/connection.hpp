#pragma once

#include "transport/target.hpp"

#include <acme/transport.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace acme {

/// One connection to an origin, with TLS unless its target is without, one exchange at a time.
class connection
{
public:
    connection(boost::asio::any_io_executor executor, boost::asio::ssl::context& context, std::size_t header_limit);
    ~connection();
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    /// Connects and shakes hands. Throws `boost::system::system_error`; `explanation()` then says which check of the
    /// certificate failed.
    boost::asio::awaitable<void> async_connect(boost::asio::ip::tcp::endpoint address, const target& where);
    const std::string& explanation() const noexcept { return explanation_; }

    /// Writes `wire`, the octets of a whole request, and reads the answer. Throws `boost::system::system_error` and
    /// `acme::error`.
    boost::asio::awaitable<https_response> async_exchange(std::string wire, bool head, std::size_t body_limit);

    /// For an answer without a foreseeable end: writes `wire` and reads the header and, where the status is not 200,
    /// the body. Else the body is read piece by piece; an empty piece is its end.
    boost::asio::awaitable<https_response> async_begin(std::string wire, std::size_t body_limit);
    boost::asio::awaitable<std::string> async_read_piece();
    /// Makes the system find out, within half a minute, that the peer is gone without a word.
    void keep_alive() noexcept;

    /// How far the last exchange came.
    bool sent() const noexcept { return sent_; }
    bool answered() const noexcept { return answered_; }
    /// Whether another exchange may follow.
    bool reusable() const noexcept { return reusable_; }
    /// Nothing came since the last exchange: neither an end nor octets that nobody asked for.
    bool quiet() const;

    /// Aborts what is under way.
    void close() noexcept;

    /// The pool's: since when it has been unused.
    std::chrono::steady_clock::time_point idle_since;

private:
    struct streams;

    boost::asio::awaitable<void> async_send(std::string wire, bool head, std::size_t body_limit);
    boost::asio::awaitable<https_response> async_finish();

    std::unique_ptr<streams> streams_;
    std::string explanation_;
    bool sent_ = false;
    bool answered_ = false;
    bool reusable_ = false;
};

/// The product tokens that say which software this is (RFC 8555 section 6.1).
std::string product_tokens();

} // namespace acme
