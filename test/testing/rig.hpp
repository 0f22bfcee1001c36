#pragma once

#include <acme/client.hpp>
#include <acme/testing/ca.hpp>
#include <acme/testing/manual_clock.hpp>
#include <acme/testing/random.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace acme::test {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::at;
using testing::ca_options;
using testing::fault;
using testing::manual_clock;
using testing::step;

/// Answers nothing: for a CA that validates nothing.
class idle_responder : public responder
{
public:
    std::vector<std::string> challenge_types() const override { return {"tls-alpn-01", "http-01"}; }
    asio::awaitable<void> async_provision(identifier, challenge, std::string) override
    {
        co_await asio::post(asio::use_awaitable);
    }
    void withdraw(const identifier&, const challenge&) noexcept override {}
};

/// A CA and a client at its first door, with time moved by hand.
struct rig
{
    asio::io_context io;
    std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
    testing::ca ca;
    idle_responder responder;

    explicit rig(ca_options o = ca_options())
        : ca(with_clock(std::move(o)))
    {}
    rig(const rig&) = delete;
    rig& operator=(const rig&) = delete;

    client_options options()
    {
        client_options o;
        o.directory_url = ca.directory_url();
        o.transport = ca.transport();
        o.clock = clock;
        o.random = testing::constant_random(0);
        return o;
    }

    template <class T>
    T run(asio::awaitable<T> work)
    {
        std::exception_ptr failure;
        std::optional<T> result;
        bool done = false;
        asio::co_spawn(io, std::move(work), [&](std::exception_ptr e, T value) {
            failure = e;
            result = std::move(value);
            done = true;
        });
        clock->run(io, [&] { return done; }, 0ms);
        if (failure)
            std::rethrow_exception(failure);
        return std::move(*result);
    }

    void run(asio::awaitable<void> work)
    {
        std::exception_ptr failure;
        bool done = false;
        asio::co_spawn(io, std::move(work), [&](std::exception_ptr e) {
            failure = e;
            done = true;
        });
        clock->run(io, [&] { return done; }, 0ms);
        if (failure)
            std::rethrow_exception(failure);
    }

    /// The error that the work ends with; nothing where it ends well.
    template <class T>
    std::optional<error> failure_of(asio::awaitable<T> work)
    {
        try {
            run(std::move(work));
        } catch (const error& e) {
            return e;
        }
        return std::nullopt;
    }

    static obtain_request request(std::vector<std::string> names = {"www.example.com"})
    {
        obtain_request r;
        for (auto& name : names)
            r.order.identifiers.emplace_back("dns", std::move(name));
        r.certificate_key = key::generate();
        return r;
    }

    certificate_ptr obtain(client& c, obtain_request r = request())
    {
        return run(c.async_obtain(std::move(r), responder));
    }
    std::optional<error> refusal(client& c, obtain_request r = request())
    {
        return failure_of(c.async_obtain(std::move(r), responder));
    }

private:
    ca_options with_clock(ca_options o) const
    {
        o.clock = clock;
        return o;
    }
};

} // namespace acme::test
