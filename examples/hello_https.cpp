// A complete HTTPS server at port 443, with HTTP at port 80 redirected to it. Its certificates come from Let's Encrypt,
// the first time that a browser asks for a host name, and are kept in a file.

#include <acme/manager.hpp>
#include <acme/serve.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <iostream>

namespace asio = boost::asio;

acme::http_response hello(const acme::http_request&)
{
    acme::http_response response;
    response.body() = "Hello, TLS!\n";
    return response;
}

asio::awaitable<void> serve(acme::manager& certificates)
{
    co_await certificates.async_cache_file("letsencrypt.cache");
    co_await acme::async_serve(certificates, hello); // port 443, and port 80 redirecting to it
}

int main()
try {
    acme::config options;
    options.on_event = [](const acme::event& e) { std::cout << acme::describe(e) << std::endl; };

    asio::io_context io;
    acme::manager certificates(io.get_executor(), options);
    auto finished = [](std::exception_ptr failure) {
        if (failure)
            std::rethrow_exception(failure);
    };
    asio::co_spawn(io, serve(certificates), finished);
    io.run();
} catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
}
