// A manager's state kept by the program itself, here in a file: read at the start, and stored after every change.

#include "arguments.hpp"

#include <acme/manager.hpp>
#include <acme/serve.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <unistd.h>

namespace {

namespace asio = boost::asio;

// Empty where there is no such file. One that can't be read is not absent.
std::string load(const std::filesystem::path& path)
{
    std::ostringstream state;
    if (!std::filesystem::exists(path))
        return {};
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw std::system_error(errno, std::system_category(), path);
    state << file.rdbuf();
    return state.str();
}

// Replaces the file by one that is whole and on the disk.
void store(const std::filesystem::path& path, const std::string& state)
{
    auto temporary = path;
    temporary += ".new";
    int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600); // It holds private keys.
    bool written = file >= 0 && ::write(file, state.data(), state.size()) == static_cast<ssize_t>(state.size()) &&
        ::fsync(file) == 0;
    if ((file >= 0 && ::close(file) != 0) || !written)
        throw std::system_error(errno, std::system_category(), temporary);
    std::filesystem::rename(temporary, path);
}

// Ends with the manager. What can't be stored ends the manager, and the server with it.
asio::awaitable<void> store_changes(
    acme::manager& certificates, std::filesystem::path path, std::exception_ptr& failure)
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
            failure = std::current_exception();
    } catch (...) {
        failure = std::current_exception();
    }
    co_await certificates.async_shutdown();
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
    std::exception_ptr failure;
    co_await (std::move(server) && store_changes(certificates, path, failure));
    if (failure)
        std::rethrow_exception(failure);
}

} // namespace

int main(int argc, char** argv)
try {
    arguments given(argc, argv,
        "usage: watch [--https ADDR:PORT] [--directory URL] [--ca-bundle FILE] [--self-check on|off] [--state FILE]\n",
        {"--https", "--directory", "--ca-bundle", "--self-check", "--state"});
    given.refuse_words();
    std::filesystem::path path = given.get("--state", "certificates.state");
    acme::config options;
    options.directory_url = given.get("--directory", options.directory_url);
    options.https.ca_file = given.get("--ca-bundle");
    options.self_check.enabled = given.get_switch("--self-check", false);
    acme::serve_options serving;
    serving.https.push_back(parse_address(given.get("--https", "[::]:443")));
    serving.on_listening = [](const acme::listening& where) {
        std::ostringstream line;
        line << "listening on https://" << where.https.front();
        print_line(line.str());
    };

    asio::io_context io;
    acme::manager certificates(io.get_executor(), options);
    if (auto state = load(path); !state.empty()) {
        certificates.unmarshal(state);
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
    std::cerr << "watch: " << e.what() << "\n";
    return 1;
}
