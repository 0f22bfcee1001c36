#include "manager/task_group.hpp"
#include "server/http_session.hpp"
#include "server/listener.hpp"

#include <acme/serve.hpp>
#include <acme/tls.hpp>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <optional>
#include <sys/resource.h>

namespace acme {
namespace {

using asio::ip::tcp;

std::size_t connection_limit(std::size_t wanted)
{
    rlimit descriptors{};
    if (wanted > 0)
        return std::max<std::size_t>(wanted, 2);
    if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0)
        return 300;
    return static_cast<std::size_t>(std::clamp<rlim_t>(descriptors.rlim_cur / 3, 2, 10'000));
}

std::size_t client_limit(const serve_options& options)
{
    const auto wanted = options.max_connections_per_client;
    return wanted > 0 ? wanted : connection_limit(options.max_connections) / 2;
}

std::shared_ptr<session_group> make_group(const strand& s, const serve_options& options)
{
    return std::make_shared<session_group>(s, connection_limit(options.max_connections), client_limit(options));
}

std::shared_ptr<handshake_waiters> make_waiters(const serve_options& options)
{
    const auto of_client = std::max<std::size_t>(client_limit(options) / 2, 1);
    return std::make_shared<handshake_waiters>(connection_limit(options.max_connections) / 2, of_client);
}

std::shared_ptr<ticket_keys> make_ticket_keys(std::shared_ptr<clock> time)
{
    ticket_key_options options;
    options.clock = std::move(time);
    return std::make_shared<ticket_keys>(std::move(options));
}

asio::ssl::context make_context(const manager& certificates, std::shared_ptr<ticket_keys> keys)
{
    server_context_options options;
    options.ticket_keys = std::move(keys);
    return make_server_context(certificates, std::move(options));
}

std::vector<tcp::endpoint> addresses(const std::vector<tcp::acceptor>& acceptors)
{
    std::vector<tcp::endpoint> all;
    for (const auto& a : acceptors)
        all.push_back(a.local_endpoint());
    return all;
}

void close(std::vector<tcp::acceptor>& acceptors)
{
    boost::system::error_code ignored;
    for (auto& a : acceptors)
        a.close(ignored);
}

// While nobody comes, no handshake does it.
asio::awaitable<void> rotate_keys(std::shared_ptr<ticket_keys> keys, std::shared_ptr<clock> time)
{
    for (;;) {
        co_await time->async_wait(keys->options().interval);
        keys->rotate();
    }
}

/// A running server. Lives in the frame of `run`, on one strand.
class running_server
{
public:
    running_server(strand s, asio::any_io_executor executor, std::shared_ptr<server> all, bool redirecting);

    asio::awaitable<void> run();

private:
    using connection_function = asio::awaitable<void> (*)(
        std::shared_ptr<const server>, std::shared_ptr<session>, tcp::socket);

    void start();
    void accept_on(
        std::vector<tcp::acceptor>& acceptors, std::shared_ptr<session_group> sessions, connection_function serve);
    asio::awaitable<void> until_shut_down();
    asio::awaitable<void> stop();
    asio::awaitable<void> all_closed();

    strand strand_;
    std::shared_ptr<server> all_;
    std::vector<tcp::acceptor> https_;
    std::vector<tcp::acceptor> http_;
    std::shared_ptr<session_group> https_sessions_;
    std::shared_ptr<session_group> http_sessions_;
    task_group accepting_;
    // Tells the manager that http-01 can work.
    std::shared_ptr<const void> answering_http_;
};

running_server::running_server(strand s, asio::any_io_executor executor, std::shared_ptr<server> all, bool redirecting)
    : strand_(std::move(s))
    , all_(std::move(all))
    , https_(listen(executor, all_->options.https, 443))
    , https_sessions_(make_group(strand_, all_->options))
    , http_sessions_(make_group(strand_, all_->options))
    , accepting_(strand_)
{
    if (redirecting)
        http_ = listen(executor, all_->options.http, 80);
}

asio::awaitable<void> running_server::run()
{
    std::exception_ptr why;
    try {
        start();
        co_await until_shut_down();
    } catch (...) {
        why = std::current_exception();
    }
    // What may have been cancelled is the serving, not its end.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await stop();
    if (why)
        std::rethrow_exception(why);
}

void running_server::start()
{
    if (all_->redirect_port == 0)
        all_->redirect_port = https_.front().local_endpoint().port();
    if (!http_.empty())
        answering_http_ = all_->certificates.answering_http_challenges();
    accept_on(https_, https_sessions_, &serve_https_connection);
    accept_on(http_, http_sessions_, &serve_http_connection);
    accepting_.spawn(rotate_keys(all_->ticket_keys, all_->time));
    share(all_->ticket_keys, all_->certificates);
    listening where;
    where.https = addresses(https_);
    where.http = addresses(http_);
    if (all_->options.on_listening)
        all_->options.on_listening(where);
}

void running_server::accept_on(
    std::vector<tcp::acceptor>& acceptors, std::shared_ptr<session_group> sessions, connection_function serve)
{
    for (auto& acceptor : acceptors) {
        auto serve_one = [all = all_, serve](std::shared_ptr<session> s, tcp::socket socket) {
            return serve(all, std::move(s), std::move(socket));
        };
        auto report = [all = all_](
                          std::exception_ptr failure, const tcp::endpoint& where) { all->report(failure, where); };
        accepting_.spawn(accept_connections(acceptor, sessions, serve_one, report));
    }
}

asio::awaitable<void> running_server::until_shut_down()
{
    auto changes = all_->certificates.watch();
    try {
        for (;;)
            co_await changes.async_receive();
    } catch (const error& e) {
        if (e.code() != make_error_code(errc::shut_down))
            throw;
    }
}

asio::awaitable<void> running_server::stop()
{
    accepting_.close();
    close(https_);
    close(http_);
    answering_http_.reset();
    co_await accepting_.async_wait_empty();
    https_sessions_->drain();
    http_sessions_->drain();
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer grace(strand_, all_->options.shutdown_grace);
    boost::system::error_code ec;
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    co_await (all_closed() || grace.async_wait(token));
    https_sessions_->abort();
    http_sessions_->abort();
    co_await all_closed();
}

asio::awaitable<void> running_server::all_closed()
{
    co_await https_sessions_->async_wait_empty();
    co_await http_sessions_->async_wait_empty();
}

asio::awaitable<void> run(strand s, asio::any_io_executor executor, std::shared_ptr<server> all, bool redirecting)
{
    running_server running(std::move(s), std::move(executor), std::move(all), redirecting);
    co_await running.run();
}

asio::awaitable<void> serve(std::shared_ptr<server> all, bool redirecting)
{
    auto executor = all->certificates.get_executor().get_inner_executor();
    auto s = asio::make_strand(executor);
    co_await on_strand(s, run(s, executor, std::move(all), redirecting));
}

} // namespace

server::server(manager& m, http_application a, serve_options o)
    : certificates(m)
    , application(std::move(a))
    , options(std::move(o))
    , redirect_port(options.redirect_port)
    , time(m.options().clock)
    , ticket_keys(options.ticket_keys ? options.ticket_keys : make_ticket_keys(time))
    , tls(make_context(m, ticket_keys))
    , waiting(make_waiters(options))
{}

void server::report(std::exception_ptr failure, const tcp::endpoint& peer) const noexcept
{
    if (!options.on_error)
        return;
    try {
        options.on_error(std::move(failure), peer);
    } catch (...) {
        // A sink's trouble is not the server's.
    }
}

asio::awaitable<void> async_serve(manager& certificates, http_application application, serve_options options)
{
    auto all = std::make_shared<server>(certificates, std::move(application), std::move(options));
    co_await serve(std::move(all), true);
}

asio::awaitable<void> async_serve_https(manager& certificates, http_application application, serve_options options)
{
    auto all = std::make_shared<server>(certificates, std::move(application), std::move(options));
    co_await serve(std::move(all), false);
}

} // namespace acme
