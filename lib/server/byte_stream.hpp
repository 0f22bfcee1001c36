#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <vector>

namespace acme {

namespace asio = boost::asio;

/// One connection, in the clear or through TLS, behind one type: what speaks HTTP is compiled once for both. What is
/// passed by reference must outlive the operation; `tcp()` has the time limits of both directions.
class byte_stream
{
public:
    byte_stream() = default;
    virtual ~byte_stream() = default;
    byte_stream(const byte_stream&) = delete;
    byte_stream& operator=(const byte_stream&) = delete;

    /// Ends with at least one octet, or with `ec`.
    virtual asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, boost::system::error_code& ec) = 0;
    virtual asio::awaitable<std::size_t> write(
        const std::vector<asio::const_buffer>& from, boost::system::error_code& ec) = 0;
    virtual boost::beast::tcp_stream& tcp() noexcept = 0;
};

} // namespace acme
