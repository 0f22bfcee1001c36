#pragma once

#include "transport/target.hpp"

#include <acme/error.hpp>
#include <acme/transport.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace acme {

class connection;

struct http_client_options
{
    /// Instead of the system's trust anchors.
    std::string ca_file;
    /// PEM files with the client's own chain and key; none where empty.
    std::string certificate_file;
    std::string key_file;
    /// Connecting to one address, including TLS.
    std::chrono::steady_clock::duration connect_timeout = std::chrono::seconds(2);
    /// Exchanges at a time; further ones wait. Streams are not counted.
    std::size_t max_exchanges = 16;

    http_client_options() = default;
};

/// A request "POST <path>" with a JSON body.
struct json_request
{
    std::string path;
    std::string body;
    std::vector<std::pair<std::string, std::string>> fields;
    std::size_t body_limit = 64 * 1024;
    /// Does not wait for a place among the exchanges, and takes none.
    bool urgent = false;

    json_request() = default;
    json_request(std::string path_, std::string body_)
        : path(std::move(path_))
        , body(std::move(body_))
    {}
};

/// An answer that goes on and on, in lines.
class line_stream
{
public:
    explicit line_stream(std::unique_ptr<connection> link);
    ~line_stream();

    /// The next line that is not empty; nothing at the end. Throws `acme::error`, also for a line longer than `limit`.
    boost::asio::awaitable<std::optional<std::string>> async_read_line(std::size_t limit);
    /// Aborts what is under way.
    void close() noexcept;

private:
    std::unique_ptr<connection> link_;
    std::string text_;
    // Where the line begins, and where no line break is before.
    std::size_t begin_ = 0;
    std::size_t searched_ = 0;
};

/// HTTP/1.1 to servers that are known beforehand, with TLS or without. Connections are kept alive, without a timer.
/// Everything is called on one strand, which must outlive it.
///
/// Errors: awaitables throw `acme::error` whose explanation says what was wrong, without the server's name.
class http_client
{
public:
    /// How far an exchange came.
    struct outcome
    {
        /// Its turn came.
        bool begun = false;
        /// The request may have been acted upon.
        bool sent = false;
    };

    /// Reads files before it returns; throws `acme::error`.
    http_client(boost::asio::any_io_executor executor, http_client_options options);
    ~http_client();

    /// Returns the answer, whatever its status.
    boost::asio::awaitable<https_response> async_exchange(
        const target& where, json_request request, std::chrono::steady_clock::time_point until, outcome& how);

    /// An answer with a status other than 200 is whole and has no stream.
    struct opened
    {
        https_response header;
        std::unique_ptr<line_stream> stream;

        opened() = default;
    };
    boost::asio::awaitable<opened> async_open_stream(
        const target& where, json_request request, std::chrono::steady_clock::time_point until);

    /// Forgets the unused connections to that server.
    void forget(const target& where);

private:
    struct state;

    boost::asio::awaitable<std::unique_ptr<connection>> async_connect(
        const target& where, std::chrono::steady_clock::time_point until);

    std::unique_ptr<state> state_;
};

} // namespace acme
