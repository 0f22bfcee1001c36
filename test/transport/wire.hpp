#pragma once

#include "kit/print.hpp"
#include "transport/tls_server.hpp"

#include <acme/error.hpp>
#include <acme/transport.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace acme::test {

/// A transport and a server on one io_context.
struct wire
{
    std::shared_ptr<tls_server> server;
    std::shared_ptr<transport> client;
    made_chain chain = chain_for_now({"localhost", "127.0.0.1", "::1"});
    https_options options;
    // Last, so that what runs in it is gone before the rest.
    asio::io_context io;

    wire()
    {
        options.trust_anchors = chain.root_pem;
        options.exchange_timeout = std::chrono::seconds(5);
    }
    ~wire() { client.reset(); }
    wire(const wire&) = delete;
    wire& operator=(const wire&) = delete;

    void serve(tls_server::behaviour b) { server = tls_server::start(io, chain, std::move(b)); }
    void serve(std::string answer) { serve(answering(server, std::move(answer))); }

    transport& transport_now()
    {
        if (!client)
            client = make_https_transport(io.get_executor(), options);
        return *client;
    }

    asio::awaitable<https_response> get(const std::string& path = "/", const std::string& host = "127.0.0.1")
    {
        return transport_now().async_exchange(https_request("GET", server->origin(host) + path));
    }

    https_response run(asio::awaitable<https_response> exchange)
    {
        std::exception_ptr failure;
        std::optional<https_response> answer;
        asio::co_spawn(io, std::move(exchange), [&](std::exception_ptr e, https_response r) {
            failure = e;
            answer = std::move(r);
        });
        run_until([&] { return answer.has_value(); });
        if (failure)
            std::rethrow_exception(failure);
        return std::move(*answer);
    }

    template <class Done>
    void run_until(Done done)
    {
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        io.restart();
        while (!done()) {
            if (std::chrono::steady_clock::now() > limit)
                throw std::runtime_error("the test hangs");
            io.run_one_for(std::chrono::milliseconds(100));
        }
    }

    void run_for(std::chrono::milliseconds d)
    {
        io.restart();
        io.run_for(d);
    }

    std::optional<error> failure_of(asio::awaitable<https_response> exchange)
    {
        try {
            run(std::move(exchange));
        } catch (const error& e) {
            return e;
        }
        return std::nullopt;
    }
};

} // namespace acme::test
