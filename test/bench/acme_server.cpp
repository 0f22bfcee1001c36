// The server under measurement: the bare one with `install` and `async_handshake` in place of its certificate.

#include "accept.hpp"
#include "counting_transport.hpp"
#include "manager/credential_index.hpp"
#include "many_certificates.hpp"
#include "metered_executor.hpp"
#include "open_store.hpp"

#include <acme/manager.hpp>
#include <acme/tls.hpp>

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdlib>
#include <exception>

namespace acme::bench {
namespace {

using namespace std::chrono_literals;

/// What the servers' arguments say.
struct setup
{
    setup(int argc, char** argv);

    // Certificates from such a file: all that are counted by `hosts`, or `hosts` names that share the first one.
    std::string certificates;
    std::size_t hosts;
    bool shared;
    // Instead: a store to start from, and where it is.
    std::string store_kind;
    std::string store_path;
    // Against other hosts: "allow-list", "defaults" (the self-check, which finds all names to lead where nobody
    // answers, and the budgets), "self-check" (without the budgets), "unpaced" (an allow-list, and no pace of
    // refusals), or none.
    std::string guard;
    // The CPU time of each connection is counted for itself.
    bool metered;
    // The CA; none where empty.
    std::string directory_url;
    std::string ca_file;
    unsigned short port;
    bool one_core;
};

setup::setup(int argc, char** argv)
    : certificates(argument(argc, argv, "certificates", ""))
    , hosts(std::stoul(argument(argc, argv, "hosts", "0")))
    , shared(argument(argc, argv, "shared", "no") == "yes")
    , store_kind(argument(argc, argv, "store", ""))
    , store_path(argument(argc, argv, "path", ""))
    , guard(argument(argc, argv, "guard", ""))
    , metered(argument(argc, argv, "metered", "no") == "yes")
    , directory_url(argument(argc, argv, "directory", ""))
    , ca_file(argument(argc, argv, "ca-file", ""))
    , port(static_cast<unsigned short>(std::stoul(argument(argc, argv, "port", "0"))))
    , one_core(argument(argc, argv, "one-core", "yes") == "yes")
{}

class server
{
public:
    explicit server(setup s);
    void run();

private:
    static config options(const setup& s, const std::shared_ptr<counting_transport>& ca);
    std::shared_ptr<const acme::credentials> credentials() const;
    std::vector<std::string> host_names() const;
    void begin(tcp::socket socket);
    asio::awaitable<void> converse(tcp::socket socket, std::shared_ptr<meter> m);
    asio::awaitable<void> load();
    asio::awaitable<void> serve();
    asio::awaitable<void> watch_loading();
    asio::awaitable<void> report_when_asked();

    setup setup_;
    std::size_t good_ = 0;
    std::size_t bad_ = 0;
    std::chrono::nanoseconds good_time_{0};
    asio::io_context io_{1};
    std::shared_ptr<counting_transport> ca_;
    manager manager_;
    std::shared_ptr<credential_index> shared_;
    std::optional<asio::ssl::context> tls_;
    std::optional<tcp::acceptor> acceptor_;
};

std::shared_ptr<counting_transport> make_transport(asio::io_context& io, const setup& s)
{
    if (s.directory_url.empty())
        return std::make_shared<counting_transport>();
    https_options o;
    o.ca_file = s.ca_file;
    return std::make_shared<counting_transport>(make_https_transport(io.get_executor(), o));
}

// For the server's core the worst kind of nowhere: it says no at once, so that the next name comes at once.
asio::awaitable<std::vector<asio::ip::address>> lead_nowhere(std::string)
{
    std::vector<asio::ip::address> here{asio::ip::address_v4::loopback()};
    co_return here;
}

server::server(setup s)
    : setup_(std::move(s))
    , ca_(make_transport(io_, setup_))
    , manager_(io_.get_executor(), options(setup_, ca_))
{
    if (setup_.shared) {
        shared_ = std::make_shared<credential_index>();
        const auto first = read_certificates(setup_.certificates, 1);
        for (std::size_t n = 0; n < setup_.hosts; ++n)
            shared_->certificates.insert(host_name(n), first.front().second);
    }
    tls_.emplace(asio::ssl::context::tls_server);
    install(*tls_, credentials());
    if (setup_.guard == "allow-list" || setup_.guard == "unpaced")
        manager_.set_hosts(host_names());
}

config server::options(const setup& s, const std::shared_ptr<counting_transport>& ca)
{
    config o;
    o.directory_url = s.directory_url.empty() ? bench_directory_url : s.directory_url;
    o.transport = ca;
    if (s.guard != "defaults")
        o.limits = limits::off();
    if (s.guard == "unpaced")
        o.max_refusals_per_second = 0;
    o.self_check.enabled = s.guard == "defaults" || s.guard == "self-check";
    o.self_check.resolver = &lead_nowhere;
    o.self_check.private_addresses = true;
    o.self_check.tls_port = 1;
    return o;
}

std::shared_ptr<const acme::credentials> server::credentials() const
{
    return shared_ ? shared_ : manager_.credentials();
}

std::vector<std::string> server::host_names() const
{
    std::vector<std::string> names;
    for (std::size_t n = 0; n < setup_.hosts; ++n)
        names.push_back(host_name(n));
    return names;
}

void server::begin(tcp::socket socket)
{
    auto m = std::make_shared<meter>();
    asio::any_io_executor executor = io_.get_executor();
    if (setup_.metered)
        executor = metered_executor(executor, m);
    co_spawn(executor, converse(std::move(socket), m), asio::detached);
}

asio::awaitable<void> server::converse(tcp::socket socket, std::shared_ptr<meter> m)
{
    handshake_options o;
    if (setup_.guard == "defaults")
        o.client_address = socket.remote_endpoint().address();
    tls_stream stream(std::move(socket), *tls_);
    ++bad_;
    co_await async_handshake(stream, manager_, std::move(o));
    --bad_;
    ++good_;
    m->total = &good_time_;
}

asio::awaitable<void> server::load()
{
    if (setup_.shared)
        co_return;
    std::shared_ptr<store> where;
    if (!setup_.store_kind.empty())
        where = co_await open_store(setup_.store_kind, setup_.store_path);
    else if (!setup_.certificates.empty())
        where = make_read_only_store(setup_.certificates, setup_.hosts);
    if (where)
        co_await manager_.async_use_store(where);
}

asio::awaitable<void> server::serve()
{
    co_await load();
    acceptor_.emplace(listen(io_, setup_.port));
    co_spawn(io_, watch_loading(), asio::detached);
    auto handle = [this](tcp::socket socket) { begin(std::move(socket)); };
    co_await accept(*acceptor_, handle);
}

// Looks for one host after the other, so that it does not take the time from what it watches.
asio::awaitable<void> server::watch_loading()
{
    asio::steady_timer pause(io_);
    const auto index = credentials();
    for (std::size_t n = 0; n < setup_.hosts;) {
        while (n < setup_.hosts && index->find(host_name(n)))
            ++n;
        pause.expires_after(n < setup_.hosts ? 10ms : 0ms);
        co_await pause.async_wait(asio::use_awaitable);
    }
    std::printf("loaded\n");
    std::fflush(stdout);
}

asio::awaitable<void> server::report_when_asked()
{
    asio::signal_set asked(io_, SIGUSR1);
    for (unsigned n = 1;; ++n) {
        co_await asked.async_wait(asio::use_awaitable);
        std::printf("report %u: %zu requests, %zu good in %lld ns, %zu bad.\n", n, ca_->requests, good_,
            static_cast<long long>(good_time_.count()), bad_);
        std::fflush(stdout);
    }
}

void server::run()
{
    auto failed = [](std::exception_ptr e) {
        if (e)
            std::rethrow_exception(e);
    };
    co_spawn(io_, report_when_asked(), failed);
    co_spawn(io_, serve(), failed);
    run_until_told(io_);
}

} // namespace
} // namespace acme::bench

int main(int argc, char** argv)
{
    using namespace acme::bench;
    try {
        setup s(argc, argv);
        if (s.one_core)
            stay_on_core(server_core);
        server(std::move(s)).run();
        return EXIT_SUCCESS;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return EXIT_FAILURE;
    }
}
