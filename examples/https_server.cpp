// A web server with a certificate for each host name that it is asked for, and the usual options.

#include "arguments.hpp"
#include "store.hpp"

#include <acme/manager.hpp>
#include <acme/serve.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>
#include <thread>

namespace {

namespace asio = boost::asio;

constexpr const char* usage = R"(usage: https_server [OPTION VALUE]...
  --https ADDR:PORT     HTTPS ([::]:443); repeatable
  --http ADDR:PORT      HTTP, redirected to HTTPS ([::]:80; only HTTPS where just --https is given); repeatable
  --redirect-port PORT  where clients reach HTTPS, if that is another port than the first of these: a balancer's
  --directory URL       the CA's ACME directory (Let's Encrypt)
  --ca-bundle FILE      trust anchors for the CA's own server, PEM
  --cache PATH          keeps certificates in this file, or folder (one that exists, or PATH ends in /); or in etcd:
                        etcd://HOST:PORT,HOST:PORT/PREFIX, with TLS etcds://..., with certificates, user and password
                        from etcdctl's environment variables
  --cache-copy PATH     keeps a copy of what is in etcd in this file or folder, to start without etcd
  --cache-key FILE      encrypts them with the first key in this file ("openssl rand -base64 32" makes one), and again
                        what is encrypted with one of its other keys
  --lease SECONDS       how long etcd waits for a server that does not answer any more (15)
  --host NAME           a host for which certificates are allowed; repeatable (any host; or those that are saved, where
                        PATH has been used with --host before)
  --own-chain FILE      a certificate of one's own, PEM, served beside the others, and its key
  --own-key FILE
  --default-host NAME   whose certificate clients without a usable name get (none: they get an alert)
  --email ADDR          contact address for the CA
  --threads N           threads that serve (1)
  --limits default|off  how many orders and new hosts are allowed
  --self-check on|off   whether an unknown host has to lead to this server before the CA is asked (off)
  --private-addresses on|off   whether it may lead here by an address that is not reachable from everywhere (off)
)";

struct settings
{
    acme::config manager;
    acme::serve_options serve;
    bool redirect = true;
    store_settings cache;
    std::string email;
    acme::certificate_ptr own;
    std::vector<std::string> hosts;
    unsigned threads = 1;
};

std::string read_file(const std::string& path)
{
    std::ifstream file(path);
    if (!file)
        throw std::system_error(errno, std::system_category(), path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

acme::certificate_ptr read_certificate(const std::string& chain_file, const std::string& key_file)
{
    auto key = acme::key::from_pem(read_file(key_file));
    if (!key)
        throw std::invalid_argument("no private key in " + key_file);
    std::string why;
    auto certificate = acme::certificate::from_pem(read_file(chain_file), *key, why);
    if (!certificate)
        throw std::invalid_argument(chain_file + ": " + why);
    return certificate;
}

settings read_settings(int argc, char** argv)
{
    arguments given(argc, argv, usage,
        {"--redirect-port", "--directory", "--ca-bundle", "--cache", "--cache-copy", "--cache-key", "--lease",
            "--email", "--threads", "--limits", "--self-check", "--private-addresses", "--own-chain", "--own-key",
            "--default-host"},
        {"--https", "--http", "--host"});
    given.refuse_words();
    for (const char* name : {"--cache-copy", "--cache-key", "--lease"})
        given.require(name, "--cache");
    given.require("--own-chain", "--own-key");
    given.require("--own-key", "--own-chain");
    settings s;
    s.manager.directory_url = given.get("--directory", s.manager.directory_url);
    s.manager.https.ca_file = given.get("--ca-bundle");
    s.manager.self_check.enabled = given.get_switch("--self-check", false);
    s.manager.self_check.private_addresses = given.get_switch("--private-addresses", false);
    auto limits = given.get("--limits", "default");
    if (limits == "off")
        s.manager.limits = acme::limits::off();
    else if (limits != "default")
        throw std::invalid_argument("--limits is default or off");
    for (auto& each : given.all("--https"))
        s.serve.https.push_back(parse_address(each));
    for (auto& each : given.all("--http"))
        s.serve.http.push_back(parse_address(each));
    s.redirect = given.has("--http") || !given.has("--https");
    s.manager.default_host = given.get("--default-host");
    if (given.has("--own-chain"))
        s.own = read_certificate(given.get("--own-chain"), given.get("--own-key"));
    s.cache.place = given.get("--cache");
    s.cache.copy = given.get("--cache-copy");
    s.cache.key_file = given.get("--cache-key");
    s.cache.lease = std::chrono::seconds(given.get_number("--lease", 15, 2, 3600));
    if (!s.cache.is_shared() && (given.has("--cache-copy") || given.has("--lease")))
        throw std::invalid_argument("--cache-copy and --lease are for --cache etcd://...");
    s.email = given.get("--email");
    s.hosts = given.all("--host");
    s.threads = given.get_number("--threads", 1, 1, 256);
    s.serve.redirect_port = static_cast<std::uint16_t>(given.get_number("--redirect-port", 0, 1, 65535));
    return s;
}

acme::http_response answer(const acme::http_request& request)
{
    namespace http = boost::beast::http;
    bool get = request.method() == http::verb::get || request.method() == http::verb::head;
    acme::http_response response;
    response.set(http::field::content_type, "text/plain; charset=utf-8");
    if (get && request.target() == "/") {
        response.body() = "Hello, TLS!\n";
    } else {
        response.result(http::status::not_found);
        response.body() = "Not found.\n";
    }
    return response;
}

std::string describe(const acme::listening& where)
{
    std::ostringstream line;
    const char* between = "listening on ";
    for (auto& each : where.https)
        line << std::exchange(between, " and ") << "https://" << each;
    for (auto& each : where.http)
        line << std::exchange(between, " and ") << "http://" << each;
    return line.str();
}

// A refused visitor has a line already.
void tell_event(const acme::event& e)
{
    if (!std::holds_alternative<acme::host_refused>(e))
        print_line(acme::describe(e));
}

// Why a visitor was refused. Clients that merely go away are not worth a line.
void tell_refusal(std::exception_ptr failure, const asio::ip::tcp::endpoint& peer)
{
    try {
        std::rethrow_exception(failure);
    } catch (const acme::error& e) {
        std::ostringstream line;
        line << "refused " << peer << ": " << e.what();
        print_line(line.str());
    } catch (const std::exception&) {
    }
}

// A CA that is down must not keep the server from starting: without this, it is registered at first need.
asio::awaitable<void> register_account(acme::manager& certificates, std::string email)
{
    try {
        if (!email.empty())
            co_await certificates.async_register(email);
    } catch (const acme::error& e) {
        if (e.code() != asio::error::operation_aborted)
            print_line(std::string("registration failed: ") + e.what());
    }
}

// With the first of several keys what is still encrypted with another.
asio::awaitable<void> encrypt_again(std::shared_ptr<acme::store> bare, std::string key_file)
{
    std::optional<acme::encryption_options> keys;
    if (!key_file.empty())
        keys = acme::read_encryption_keys(key_file);
    if (!keys || keys->accepted.empty())
        co_return;
    try {
        const auto count = co_await acme::async_encrypt_again(bare, *keys);
        print_line("objects encrypted again: " + std::to_string(count));
    } catch (const acme::error& e) {
        if (e.code() != asio::error::operation_aborted)
            print_line(std::string("encrypting again failed: ") + e.what());
    }
}

// Lets the timer end with it, whatever came of it.
asio::awaitable<void> serve_until_end(asio::awaitable<void> server, asio::steady_timer& end)
{
    std::exception_ptr failure;
    try {
        co_await std::move(server);
    } catch (...) {
        failure = std::current_exception();
    }
    end.expires_at(asio::steady_timer::time_point::min());
    if (failure)
        std::rethrow_exception(failure);
}

asio::awaitable<void> serve(acme::manager& certificates, const settings& s)
{
    using namespace asio::experimental::awaitable_operators;
    std::shared_ptr<acme::store> bare;
    if (!s.cache.place.empty()) {
        bare = co_await open_bare_store(s.cache);
        co_await certificates.async_use_store(encrypt(bare, s.cache));
    }
    if (!s.hosts.empty())
        certificates.set_hosts(s.hosts);
    if (s.own)
        certificates.add_certificate(s.own);
    auto server = s.redirect ? acme::async_serve(certificates, answer, s.serve)
                             : acme::async_serve_https(certificates, answer, s.serve);
    asio::steady_timer end(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    auto ended = end.async_wait(asio::as_tuple(asio::use_awaitable));
    auto aside = encrypt_again(bare, s.cache.key_file) || std::move(ended);
    co_await (serve_until_end(std::move(server), end) && register_account(certificates, s.email) && std::move(aside));
}

// Whether it is only that a signal has come before the server.
bool is_stopped(const boost::system::error_code& ec)
{
    return ec == acme::errc::shut_down || ec == asio::error::operation_aborted;
}

asio::awaitable<void> run(acme::manager& certificates, const settings& s)
{
    std::exception_ptr failure;
    try {
        co_await serve(certificates, s);
    } catch (const boost::system::system_error& e) {
        if (!is_stopped(e.code()))
            failure = std::current_exception();
    } catch (...) {
        failure = std::current_exception();
    }
    co_await asio::this_coro::reset_cancellation_state();
    co_await certificates.async_shutdown();
    if (failure)
        std::rethrow_exception(failure);
}

void serve_until_signal(settings s)
{
    asio::io_context io(static_cast<int>(s.threads));
    std::atomic<bool> is_listening = false;
    s.manager.on_event = &tell_event;
    s.serve.on_error = &tell_refusal;
    s.serve.on_listening = [&](const acme::listening& where) {
        is_listening = true;
        print_line(describe(where));
    };
    acme::manager certificates(io.get_executor(), s.manager);

    auto strand = asio::make_strand(io);
    asio::signal_set signals(strand, SIGINT, SIGTERM);
    asio::cancellation_signal start;
    signals.async_wait([&](boost::system::error_code ec, int) {
        // The server ends with the manager. A second signal ends the process.
        signals.clear();
        if (ec)
            return;
        if (is_listening)
            asio::co_spawn(strand, certificates.async_shutdown(), asio::detached);
        else
            start.emit(asio::cancellation_type::terminal);
    });
    std::exception_ptr failure;
    auto finished = [&](std::exception_ptr e) {
        failure = e;
        signals.cancel();
    };
    asio::co_spawn(strand, run(certificates, s), asio::bind_cancellation_slot(start.slot(), finished));

    std::vector<std::jthread> threads;
    for (unsigned i = 1; i < s.threads; ++i)
        threads.emplace_back([&io] { io.run(); });
    io.run();
    threads.clear();
    if (failure)
        std::rethrow_exception(failure);
}

} // namespace

int main(int argc, char** argv)
try {
    std::signal(SIGPIPE, SIG_IGN); // A reader of our lines may go away.
    serve_until_signal(read_settings(argc, argv));
    return 0;
} catch (const std::invalid_argument& e) {
    std::cerr << e.what() << "\n" << usage;
    return 2;
} catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
}
