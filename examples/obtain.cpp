// Gets certificates ahead of time and writes them as PEM files, NAME.pem and NAME.key. While it does, it listens for
// the CA's validations. With --cache the account, and certificates that are still good, are used again.

#include "arguments.hpp"
#include "store.hpp"

#include <acme/manager.hpp>
#include <acme/serve.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>

#include <fcntl.h>
#include <filesystem>
#include <system_error>
#include <unistd.h>

namespace {

namespace asio = boost::asio;

void write_file(const std::filesystem::path& path, const std::string& text, mode_t mode)
{
    int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    bool written = file >= 0 && ::fchmod(file, mode) == 0 &&
        ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if ((file >= 0 && ::close(file) != 0) || !written)
        throw std::system_error(errno, std::system_category(), path);
}

asio::awaitable<void> obtain(
    acme::manager& certificates, const std::vector<std::string>& hosts, std::filesystem::path folder)
{
    for (auto& host : hosts) {
        auto c = co_await certificates.async_get_certificate(host);
        auto name = c->names().front();
        write_file(folder / (name + ".key"), c->private_key().to_pem(), 0600);
        write_file(folder / (name + ".pem"), c->chain_pem(), 0644);
        print_line("wrote " + (folder / (name + ".pem")).string());
    }
}

acme::http_response nothing_here(const acme::http_request&)
{
    return acme::http_response(boost::beast::http::status::not_found, 11);
}

// Ends the server by the manager's end, whatever came of the work.
asio::awaitable<void> finish(acme::manager& certificates, asio::awaitable<void> work, std::exception_ptr& failure)
{
    try {
        co_await std::move(work);
    } catch (...) {
        failure = std::current_exception();
    }
    co_await certificates.async_shutdown();
}

asio::awaitable<void> run(acme::manager& certificates, const arguments& given)
{
    using namespace asio::experimental::awaitable_operators;
    acme::serve_options options;
    options.https.push_back(parse_address(given.get("--https", "[::]:443")));
    std::filesystem::path folder = given.get("--out", ".");
    // A certificate that can't be written is a waste of the CA's patience.
    if (::access(folder.c_str(), W_OK | X_OK) != 0)
        throw std::system_error(errno, std::system_category(), folder);
    const store_settings cache(given.get("--cache"));
    if (!cache.place.empty())
        co_await use_store(certificates, cache);
    auto obtained = obtain(certificates, given.words(), folder);
    // The server listens before the other begins, and ends with it.
    auto server = acme::async_serve_https(certificates, nothing_here, options);
    std::exception_ptr failure;
    co_await (std::move(server) && finish(certificates, std::move(obtained), failure));
    if (failure)
        std::rethrow_exception(failure);
}

} // namespace

int main(int argc, char** argv)
try {
    const std::string usage = "usage: obtain [--https ADDR:PORT] [--directory URL] [--ca-bundle FILE] [--cache PATH] "
                              "[--out FOLDER] HOST...\n";
    arguments given(argc, argv, usage, {"--https", "--directory", "--ca-bundle", "--cache", "--out"});
    if (given.words().empty())
        throw std::invalid_argument(usage + "no HOST is given");
    acme::config options;
    options.directory_url = given.get("--directory", options.directory_url);
    options.https.ca_file = given.get("--ca-bundle");
    options.on_event = [](const acme::event& e) { print_line(acme::describe(e)); };

    asio::io_context io;
    std::exception_ptr failure;
    acme::manager certificates(io.get_executor(), options);
    auto finished = [&](std::exception_ptr e) {
        failure = e;
        io.stop();
    };
    asio::co_spawn(io, run(certificates, given), finished);
    io.run();
    if (failure)
        std::rethrow_exception(failure);
} catch (const std::invalid_argument& e) {
    std::cerr << e.what() << "\n";
    return 2;
} catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
}
