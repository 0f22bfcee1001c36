#include "transport/http_client.hpp"

#include "transport/connection.hpp"
#include "transport/resolve.hpp"
#include "transport/slots.hpp"
#include "transport/trust.hpp"
#include "transport/watchdog.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <map>
#include <utility>

namespace acme {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::steady_clock;

constexpr const char* step = "connection to the server";
constexpr std::size_t header_limit = 16 * 1024;
constexpr std::size_t max_idle = 8;

std::string to_wire(const target& where, const json_request& request)
{
    std::string wire = "POST " + request.path + " HTTP/1.1\r\nHost: " + where.authority +
        "\r\nUser-Agent: " + product_tokens() + "\r\nContent-Type: application/json\r\n";
    for (const auto& [name, value] : request.fields)
        wire += name + ": " + value + "\r\n";
    return wire + "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n" + request.body;
}

asio::ssl::context make_context(const http_client_options& options)
{
    https_options trust;
    trust.ca_file = options.ca_file;
    auto context = make_client_context(trust);
    if (!options.certificate_file.empty())
        use_certificate(context, options.certificate_file, options.key_file);
    return context;
}

// The same error without the words of a CA's client.
error plainly(const boost::system::system_error& e, bool expired, const std::string& explanation)
{
    if (expired)
        return error(make_error_code(errc::timed_out), step, "no answer in time");
    if (const auto* known = dynamic_cast<const error*>(&e))
        return error(e.code(), step, known->explanation().empty() ? e.code().message() : known->explanation());
    return error(e.code(), step, explanation.empty() ? e.code().message() : explanation);
}

} // namespace

line_stream::line_stream(std::unique_ptr<connection> link)
    : link_(std::move(link))
{}

line_stream::~line_stream() = default;

void line_stream::close() noexcept
{
    link_->close();
}

asio::awaitable<std::optional<std::string>> line_stream::async_read_line(std::size_t limit)
{
    for (;;) {
        const auto end = text_.find('\n', searched_);
        if (end != std::string::npos) {
            const auto begin = std::exchange(begin_, end + 1);
            searched_ = begin_;
            if (end != begin)
                co_return text_.substr(begin, end - begin);
            continue;
        }
        text_.erase(0, std::exchange(begin_, 0));
        searched_ = text_.size();
        if (searched_ > limit)
            throw error(make_error_code(errc::answer_too_large), step,
                "a message of more than " + std::to_string(limit) + " octets");
        std::optional<error> failure;
        try {
            const std::string piece = co_await link_->async_read_piece();
            if (piece.empty())
                co_return std::nullopt;
            text_ += piece;
        } catch (const boost::system::system_error& e) {
            failure = plainly(e, false, {});
        }
        if (failure)
            throw error(*failure);
    }
}

struct http_client::state
{
    state(asio::any_io_executor ex, http_client_options o)
        : executor(std::move(ex))
        , options(std::move(o))
        , context(make_context(options))
        , places(options.max_exchanges)
    {}

    std::unique_ptr<connection> take(const target& where)
    {
        auto& kept = idle[where.authority];
        while (!kept.empty()) {
            auto last = std::move(kept.back());
            kept.pop_back();
            if (last->quiet())
                return last;
        }
        return nullptr;
    }

    void keep(const target& where, std::unique_ptr<connection> link)
    {
        auto& kept = idle[where.authority];
        if (kept.size() < max_idle)
            kept.push_back(std::move(link));
    }

    asio::any_io_executor executor;
    http_client_options options;
    asio::ssl::context context;
    std::map<std::string, std::vector<std::unique_ptr<connection>>> idle;
    slots places;
};

http_client::http_client(asio::any_io_executor executor, http_client_options options)
    : state_(std::make_unique<state>(std::move(executor), std::move(options)))
{}

http_client::~http_client() = default;

asio::awaitable<https_response> http_client::async_exchange(
    const target& where, json_request request, steady_clock::time_point until, outcome& how)
{
    how = outcome();
    slots::lease place;
    if (!request.urgent) {
        place = co_await state_->places.async_acquire(until);
        if (!place)
            throw error(make_error_code(errc::timed_out), step, "no connection became free");
    }
    how.begun = true;
    auto link = state_->take(where);
    if (!link)
        link = co_await async_connect(where, until);
    const watchdog dog(state_->executor, until, [l = link.get()] { l->close(); });
    std::optional<error> failure;
    std::string wire = to_wire(where, request);
    how.sent = true;
    try {
        auto response = co_await link->async_exchange(std::move(wire), false, request.body_limit);
        if (link->reusable())
            state_->keep(where, std::move(link));
        co_return response;
    } catch (const boost::system::system_error& e) {
        failure = plainly(e, dog.expired(), {});
    }
    throw error(*failure);
}

asio::awaitable<http_client::opened> http_client::async_open_stream(
    const target& where, json_request request, steady_clock::time_point until)
{
    auto link = co_await async_connect(where, until);
    const watchdog dog(state_->executor, until, [l = link.get()] { l->close(); });
    std::optional<error> failure;
    std::string wire = to_wire(where, request);
    try {
        opened o;
        o.header = co_await link->async_begin(std::move(wire), request.body_limit);
        if (o.header.status == 200) {
            link->keep_alive();
            o.stream = std::make_unique<line_stream>(std::move(link));
        }
        co_return o;
    } catch (const boost::system::system_error& e) {
        failure = plainly(e, dog.expired(), {});
    }
    throw error(*failure);
}

void http_client::forget(const target& where)
{
    state_->idle.erase(where.authority);
}

asio::awaitable<std::unique_ptr<connection>> http_client::async_connect(
    const target& where, steady_clock::time_point until)
{
    std::optional<error> failure;
    const auto end = std::min(until, steady_clock::now() + state_->options.connect_timeout);
    std::vector<asio::ip::tcp::endpoint> addresses;
    try {
        addresses = co_await async_resolve(where, end);
    } catch (const boost::system::system_error& e) {
        failure.emplace(e.code(), step, e.code().message());
    }
    for (const auto& address : addresses) {
        auto link = std::make_unique<connection>(state_->executor, state_->context, header_limit);
        const watchdog dog(state_->executor, end, [l = link.get()] { l->close(); });
        try {
            co_await link->async_connect(address, where);
            co_return link;
        } catch (const boost::system::system_error& e) {
            failure = plainly(e, dog.expired(), link->explanation());
        }
        if (failure->code() == asio::error::operation_aborted || steady_clock::now() >= end)
            break;
    }
    if (!failure)
        failure.emplace(make_error_code(asio::error::host_not_found), step, "it has no address");
    throw error(*failure);
}

} // namespace acme
