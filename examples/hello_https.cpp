// A complete HTTPS server at port 443, with HTTP at port 80 redirected to it. Its certificates come from Let's Encrypt,
// the first time that a browser asks for a host name, and are kept in a file.

#include <acme/manager.hpp>
#include <acme/serve.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <iostream>

acme::http_response hello(const acme::http_request&)
{
    acme::http_response response;
    response.body() = "Hello, TLS!\n";
    return response;
}

boost::asio::awaitable<void> serve(acme::manager& certificates)
{
    co_await certificates.async_cache_file("letsencrypt.cache");
    co_await acme::async_serve(certificates, hello);
}

int main()
try {
    boost::asio::io_context io;
    acme::manager certificates(io.get_executor());
    auto finished = [](std::exception_ptr failure) {
        if (failure)
            std::rethrow_exception(failure);
    };
    boost::asio::co_spawn(io, serve(certificates), finished);
    io.run();
} catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
}
