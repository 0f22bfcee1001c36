#pragma once

#include "server/bench.hpp"
#include "server/tls_client.hpp"

#include <acme/serve.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace acme::test {

namespace http = boost::beast::http;

inline tcp::endpoint any_port()
{
    return {asio::ip::address_v4::loopback(), 0};
}

/// A request to wait, to fail, to repeat its body, or to say hello.
inline asio::awaitable<http_response> application(const http_request& request)
{
    http_response response;
    if (request.target() == "/slow")
        co_await pause(300ms);
    if (request.target() == "/forever")
        co_await pause(1h);
    if (request.target() == "/throw")
        throw std::runtime_error("the application is ill");
    if (request.target() == "/interim")
        response.result(http::status::continue_);
    if (request.target() == "/missing")
        response.result(http::status::not_found);
    response.body() = request.body().empty() ? "hello " + std::string(request.target()) : request.body();
    co_return response;
}

inline serve_options quick()
{
    serve_options o;
    o.https = {any_port()};
    o.http = {any_port()};
    o.shutdown_grace = 2s;
    return o;
}

/// A server on the bench.
class running
{
public:
    explicit running(bench& b, serve_options options = quick(), http_application a = application)
        : bench_(b)
    {
        auto noting = [this, a = std::move(a)](const http_request& r) {
            targets.emplace_back(r.target());
            return a(r);
        };
        options.on_listening = [this](const listening& l) { where = l; };
        options.on_error = [this](std::exception_ptr e, const tcp::endpoint&) { errors.emplace_back(e); };
        auto ended = [this](std::exception_ptr e) {
            end = caught(e);
            done = true;
        };
        asio::co_spawn(
            b.io, async_serve(b.certificates(), noting, options), asio::bind_cancellation_slot(stop.slot(), ended));
        b.run(pause(1ms));
        BOOST_TEST_REQUIRE((!where.https.empty() || done));
    }

    ~running()
    {
        if (!done)
            asio::post(bench_.io, [this] { stop.emit(asio::cancellation_type::terminal); });
        wait();
    }

    void wait()
    {
        bench_.wait_for([this] { return done; });
    }

    std::uint16_t port() const { return where.https.at(0).port(); }
    std::uint16_t http_port() const { return where.http.at(0).port(); }

    std::string ask(const std::string& octets) { return bench_.run(talk_tls(port(), octets, "serve.example")); }
    std::string ask_http(const std::string& octets) { return bench_.run(talk_tcp(http_port(), octets)); }

    auto asked(std::string_view target) const { return std::count(targets.begin(), targets.end(), target); }

    listening where;
    std::vector<std::string> targets;
    std::vector<caught> errors;
    std::optional<caught> end;
    bool done = false;
    asio::cancellation_signal stop;

private:
    bench& bench_;
};

inline std::string request(const std::string& target, const std::string& fields = "", const std::string& method = "GET")
{
    return method + " " + target + " HTTP/1.1\r\nHost: serve.example\r\n" + fields + "\r\n";
}

inline const std::string close_after = "Connection: close\r\n";

inline std::size_t count(const std::string& text, const std::string& part)
{
    std::size_t n = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1))
        ++n;
    return n;
}

inline bool has(const std::string& text, const std::string& part)
{
    return count(text, part) > 0;
}

} // namespace acme::test
