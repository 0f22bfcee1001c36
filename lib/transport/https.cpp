#include "transport/connection.hpp"
#include "transport/pool.hpp"
#include "transport/resolve.hpp"
#include "transport/target.hpp"
#include "transport/trust.hpp"
#include "transport/watchdog.hpp"

#include <acme/error.hpp>
#include <acme/transport.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <utility>

namespace acme {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::steady_clock;

constexpr const char* step = "connection to the CA";

// What a peer's end of a kept-alive connection looks like from here.
bool went_away(const error_code& ec)
{
    return ec == asio::error::eof || ec == boost::beast::http::error::end_of_stream ||
        ec == asio::ssl::error::stream_truncated || ec == asio::error::connection_reset ||
        ec == asio::error::broken_pipe || ec == asio::error::connection_aborted;
}

std::string field_text(std::string_view text)
{
    std::string safe(text);
    std::erase_if(safe, [](char c) { return c < ' ' || c > '~'; });
    return safe;
}

std::string to_wire(const https_request& request, const target& where, const std::string& user_agent)
{
    std::string wire = field_text(request.method) + ' ' + where.path + " HTTP/1.1\r\nHost: " + where.authority +
        "\r\nUser-Agent: " + user_agent +
        "\r\nAccept-Encoding: identity\r\nAccept-Language: en\r\nCache-Control: no-store\r\n";
    if (!request.accept.empty())
        wire += "Accept: " + field_text(request.accept) + "\r\n";
    if (request.method == "POST") {
        wire += "Content-Type: " + field_text(request.content_type) +
            "\r\nContent-Length: " + std::to_string(request.body.size()) + "\r\n";
    }
    return wire + "\r\n" + request.body;
}

class https_transport : public transport
{
public:
    https_transport(asio::any_io_executor executor, https_options options)
        : executor_(executor)
        , options_(std::move(options))
        , context_(make_client_context(options_))
        , user_agent_(field_text(options_.user_agent))
        , pool_(std::make_shared<pool>(std::move(executor), options_.max_connections, options_.idle_timeout))
    {
        user_agent_ += (user_agent_.empty() ? "" : " ") + product_tokens();
    }

    asio::awaitable<https_response> async_exchange(https_request request) override;

private:
    // An exchange under way.
    struct call
    {
        call(const https_request& r, target t, std::string w, steady_clock::time_point e)
            : request(r)
            , where(std::move(t))
            , wire(std::move(w))
            , end(e)
        {}

        const https_request& request;
        target where;
        std::string wire;
        steady_clock::time_point end;
        bool resent = false;
    };

    asio::awaitable<std::unique_ptr<connection>> async_open(const call& c);
    asio::awaitable<std::optional<https_response>> async_try(
        const call& c, std::unique_ptr<connection> link, bool kept_alive);

    asio::any_io_executor executor_;
    https_options options_;
    asio::ssl::context context_;
    std::string user_agent_;
    std::shared_ptr<pool> pool_;
};

asio::awaitable<https_response> https_transport::async_exchange(https_request request)
{
    auto where = parse_target(request.url);
    if (!where)
        throw error(errc::unexpected_answer, step, "not an https URL: " + field_text(request.url.substr(0, 200)));
    std::string wire = to_wire(request, *where, user_agent_);
    call c(request, std::move(*where), std::move(wire), steady_clock::now() + options_.exchange_timeout);

    const slots::lease place = co_await pool_->async_enter(c.where.authority, c.end);
    if (!place)
        throw error(errc::timed_out, step, c.where.authority + ": no connection became free");
    std::optional<https_response> response;
    if (auto kept = pool_->take(c.where.authority)) {
        response = co_await async_try(c, std::move(kept), true);
        c.resent = !response;
    }
    if (!response) {
        auto fresh = co_await async_open(c);
        response = co_await async_try(c, std::move(fresh), false);
    }
    co_return std::move(*response);
}

// Empty where a connection kept from earlier turns out to have been closed.
asio::awaitable<std::optional<https_response>> https_transport::async_try(
    const call& c, std::unique_ptr<connection> link, bool kept_alive)
{
    const watchdog dog(executor_, c.end, [l = link.get()] { l->close(); });
    try {
        const bool head = c.request.method == "HEAD";
        auto response = co_await link->async_exchange(c.wire, head, c.request.body_limit);
        response.resent = c.resent;
        if (link->reusable())
            pool_->keep(c.where.authority, std::move(link));
        co_return std::optional<https_response>(std::move(response));
    } catch (const error& e) {
        throw error(e.code(), step, c.where.authority + ": " + e.explanation());
    } catch (const boost::system::system_error& e) {
        if (dog.expired())
            throw error(errc::timed_out, step, c.where.authority + ": no whole answer in time");
        if (kept_alive && !link->answered() && went_away(e.code()))
            co_return std::nullopt;
        throw error(e.code(), step, c.where.authority);
    }
}

asio::awaitable<std::unique_ptr<connection>> https_transport::async_open(const call& c)
{
    error_code last;
    std::string failures;
    const auto addresses = co_await async_resolve(c.where, c.end);
    for (const auto& address : addresses) {
        auto link = std::make_unique<connection>(executor_, context_, options_.header_limit);
        const auto until = std::min(c.end, steady_clock::now() + options_.connect_timeout);
        const watchdog dog(executor_, until, [l = link.get()] { l->close(); });
        try {
            co_await link->async_connect(address, c.where);
            co_return link;
        } catch (const boost::system::system_error& e) {
            last = dog.expired() ? make_error_code(errc::timed_out) : e.code();
            if (last == asio::error::operation_aborted)
                throw error(last, step, c.where.authority);
        }
        failures += (failures.empty() ? "" : "; ") + address.address().to_string() + ": " +
            (link->explanation().empty() ? last.message() : link->explanation());
        if (steady_clock::now() >= c.end)
            break;
    }
    throw error(last, step, c.where.authority + " (" + failures + ")");
}

} // namespace

std::shared_ptr<transport> make_https_transport(asio::any_io_executor executor, https_options options)
{
    return std::make_shared<https_transport>(std::move(executor), std::move(options));
}

} // namespace acme
