#include "integration/site.hpp"

#include <acme/serve.hpp>
#include <acme/tls.hpp>

#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace acme::test {
namespace {

using asio::ip::tcp;

constexpr const char* greeting = "Hello, TLS!\n";

http_response hello(const http_request&)
{
    http_response response;
    response.body() = greeting;
    return response;
}

tcp::endpoint loopback(std::uint16_t port)
{
    return {asio::ip::address_v4::loopback(), port};
}

asio::awaitable<void> greet(asio::ssl::stream<tcp::socket>& stream)
{
    std::string request(4096, '\0');
    co_await stream.async_read_some(asio::buffer(request), asio::use_awaitable);
    std::string answer = std::string("HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\n") + greeting;
    co_await asio::async_write(stream, asio::buffer(answer), asio::use_awaitable);
    co_await stream.async_shutdown(asio::use_awaitable);
}

} // namespace

asio::awaitable<https_response> counting_transport::async_exchange(https_request request)
{
    {
        std::lock_guard lock(mutex_);
        requests_.push_back(request.method + " " + request.url);
    }
    co_return co_await inner_->async_exchange(std::move(request));
}

std::vector<std::string> counting_transport::requests() const
{
    std::lock_guard lock(mutex_);
    return requests_;
}

void counting_transport::clear()
{
    std::lock_guard lock(mutex_);
    requests_.clear();
}

std::chrono::steady_clock::duration pushed_clock::ahead() const
{
    std::lock_guard lock(mutex_);
    return ahead_;
}

std::chrono::system_clock::time_point pushed_clock::now() const noexcept
{
    return std::chrono::system_clock::now() + ahead();
}

asio::awaitable<void> pushed_clock::async_wait(std::chrono::steady_clock::duration d)
{
    using steady = std::chrono::steady_clock;
    constexpr steady::duration look = std::chrono::milliseconds(20);
    asio::steady_timer timer(co_await asio::this_coro::executor);
    auto end = steady::now() + ahead() + d;
    for (auto left = d; left > left.zero(); left = end - steady::now() - ahead()) {
        timer.expires_after(std::min(left, look));
        co_await timer.async_wait(asio::use_awaitable);
    }
}

void pushed_clock::push(std::chrono::steady_clock::duration d)
{
    std::lock_guard lock(mutex_);
    ahead_ += d;
}

site::site(const pebble& ca, site_options options)
    : port_(ca.tls_port())
    , io_(options.threads)
    , work_(asio::make_work_guard(io_))
{
    auto& config = options.config;
    config.directory_url = ca.directory_url();
    config.https.ca_file = ca.ca_file().native();
    config.on_event = [this](const event& e) { on_event(e); };
    if (options.count_requests) {
        requests_ =
            std::make_shared<counting_transport>(make_https_transport(io_.get_executor(), options.config.https));
        config.transport = requests_;
    }
    manager_ = std::make_unique<manager>(io_.get_executor(), config);
    for (int i = 0; i != options.threads; ++i)
        threads_.emplace_back([this] { io_.run(); });
}

site::~site()
{
    try {
        run(manager_->async_shutdown());
        if (stop_accepting_)
            stop_accepting_();
        for (auto& each : servers_)
            BOOST_CHECK_MESSAGE(
                each.wait_for(std::chrono::seconds(20)) == std::future_status::ready, "a server does not end");
    } catch (const std::exception& e) {
        BOOST_ERROR(std::string("a site does not end: ") + e.what());
        io_.stop();
    }
    work_.reset();
    // The manager keeps a transport that is not its own, and that its idle connections.
    if (requests_)
        manager_.reset();
    requests_.reset();
    auto ended = std::async(std::launch::async, [this] {
        for (auto& each : threads_)
            each.join();
    });
    if (ended.wait_for(std::chrono::seconds(5)) != std::future_status::ready) {
        BOOST_ERROR("an io_context has work after its manager was shut down");
        io_.stop();
    }
}

void site::start_server(asio::awaitable<void> server)
{
    servers_.push_back(begin(std::move(server)));
}

void site::serve(std::uint16_t port)
{
    if (port != 0)
        port_ = port;
    serve_options options;
    options.https = {loopback(port_)};
    options.shutdown_grace = std::chrono::seconds(2);
    std::promise<void> listens;
    options.on_listening = [&](const listening&) { listens.set_value(); };
    options.on_error = [this](std::exception_ptr failure, const tcp::endpoint&) { on_error(failure); };
    start_server(async_serve_https(*manager_, hello, options));
    if (listens.get_future().wait_for(std::chrono::seconds(10)) != std::future_status::ready)
        servers_.back().get();
}

std::uint16_t site::serve_and_redirect()
{
    return serve_both(port_, 0);
}

void site::serve_out_of_reach_of_tls(std::uint16_t http_port)
{
    serve_both(0, http_port);
}

std::uint16_t site::serve_both(std::uint16_t https_port, std::uint16_t http_port)
{
    serve_options options;
    options.https = {loopback(https_port)};
    options.http = {loopback(http_port)};
    options.shutdown_grace = std::chrono::seconds(2);
    std::promise<std::uint16_t> listens;
    options.on_listening = [&](const listening& at) {
        port_ = at.https.at(0).port();
        listens.set_value(at.http.at(0).port());
    };
    options.on_error = [this](std::exception_ptr failure, const tcp::endpoint&) { on_error(failure); };
    start_server(async_serve(*manager_, hello, options));
    auto port = listens.get_future();
    if (port.wait_for(std::chrono::seconds(10)) != std::future_status::ready)
        servers_.back().get();
    return port.get();
}

asio::awaitable<void> site::accept_by_hand()
{
    auto executor = co_await asio::this_coro::executor;
    asio::ssl::context tls(asio::ssl::context::tls_server);
    install(tls, *manager_);
    tcp::acceptor acceptor(executor, loopback(port_));
    stop_accepting_ = [&] { asio::post(executor, [&] { acceptor.close(); }); };
    for (;;) {
        boost::system::error_code ec;
        auto socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, ec));
        if (ec)
            break;
        asio::ssl::stream<tcp::socket> stream(std::move(socket), tls);
        auto session = [](asio::ssl::stream<tcp::socket> s, manager& m) -> asio::awaitable<void> {
            co_await async_handshake(s, m);
            co_await greet(s);
        };
        auto ended = [this](std::exception_ptr failure) { on_error(failure); };
        asio::co_spawn(executor, session(std::move(stream), *manager_), ended);
    }
}

void site::serve_by_hand()
{
    start_server(accept_by_hand());
    // The acceptor listens from its constructor on.
    std::promise<void> listens;
    asio::post(io_, [&] { listens.set_value(); });
    listens.get_future().wait();
}

error site::failure_to_obtain(const std::string& host)
{
    try {
        obtain(host);
    } catch (const error& e) {
        return e;
    }
    throw std::runtime_error("there is a certificate for " + host);
}

void site::on_event(const event& e)
{
    std::lock_guard lock(mutex_);
    events_.push_back(e);
    changed_.notify_all();
}

void site::on_error(std::exception_ptr failure)
{
    try {
        if (failure)
            std::rethrow_exception(failure);
    } catch (const error& e) {
        std::lock_guard lock(mutex_);
        handshake_failures_.push_back(e);
        changed_.notify_all();
    } catch (...) {
        // Clients that close without close_notify and the like.
    }
}

std::vector<error> site::handshake_failures() const
{
    std::lock_guard lock(mutex_);
    return handshake_failures_;
}

bool site::wait_for_handshake_failures(std::size_t count, std::chrono::seconds limit)
{
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [&] { return handshake_failures_.size() >= count; });
}

pebble& usual_ca()
{
    static pebble ca;
    return ca;
}

} // namespace acme::test
