// A manager's state kept by the program itself, here in a file: read at the start, and stored after every change.

#include "arguments.hpp"

#include <acme/manager.hpp>
#include <acme/serve.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/stat.h>

namespace {

namespace asio = boost::asio;

void store(const std::filesystem::path& path, const std::string& state)
{
    auto temporary = path;
    temporary += ".new";
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    file << state << std::flush;
    if (!file)
        throw std::runtime_error("can't write " + temporary.string());
    std::filesystem::rename(temporary, path);
}

asio::awaitable<void> store_changes(acme::manager& certificates, std::filesystem::path path)
{
    auto changes = certificates.watch();
    try {
        for (;;) {
            co_await changes.async_receive();
            store(path, certificates.marshal());
            print_line("stored " + path.string());
        }
    } catch (const acme::error& e) {
        if (e.code() != make_error_code(acme::errc::shut_down))
            throw;
    }
}

acme::http_response hello(const acme::http_request&)
{
    acme::http_response response;
    response.body() = "Hello, TLS!\n";
    return response;
}

asio::awaitable<void> run(acme::manager& certificates, acme::serve_options options, std::filesystem::path path)
{
    using namespace asio::experimental::awaitable_operators;
    auto server = acme::async_serve_https(certificates, hello, options);
    co_await (std::move(server) && store_changes(certificates, path));
}

} // namespace

int main(int argc, char** argv)
try {
    arguments given(argc, argv, {"--https", "--directory", "--ca-bundle", "--state"});
    std::filesystem::path path = given.get("--state", "certificates.state");
    acme::config options;
    options.directory_url = given.get("--directory", options.directory_url);
    options.https.ca_file = given.get("--ca-bundle");
    acme::serve_options serving;
    serving.https.push_back(parse_address(given.get("--https", "[::]:443")));
    serving.on_listening = [](const acme::listening& where) {
        std::ostringstream line;
        line << "listening on https://" << where.https.front();
        print_line(line.str());
    };

    asio::io_context io;
    acme::manager certificates(io.get_executor(), options);
    ::umask(077); // The state holds private keys.
    if (std::ifstream file(path, std::ios::binary); file) {
        std::ostringstream state;
        state << file.rdbuf();
        certificates.unmarshal(state.str());
        print_line("restored " + path.string());
    }

    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](boost::system::error_code ec, int) {
        if (!ec)
            asio::co_spawn(io, certificates.async_shutdown(), [](std::exception_ptr) {});
    });
    std::exception_ptr failure;
    auto finished = [&](std::exception_ptr e) {
        failure = e;
        io.stop();
    };
    asio::co_spawn(io, run(certificates, serving, path), finished);
    io.run();
    if (failure)
        std::rethrow_exception(failure);
} catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
}
