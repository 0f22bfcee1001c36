#pragma once

#include "kit/ca.hpp"
#include "kit/print.hpp"
#include "kit/scripted_transport.hpp"

#include <acme/client.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace acme::test {

namespace asio = boost::asio;

/// Answers challenges by remembering them, and counts.
class recording_responder : public responder
{
public:
    std::vector<std::string> types{"tls-alpn-01", "http-01"};
    /// Token to key authorization, of what is provisioned now.
    std::map<std::string, std::string> answers;
    std::size_t begun = 0;
    std::size_t withdrawn = 0;
    std::size_t most = 0;
    /// Thrown by the provision of this number, counted from 1.
    std::size_t fail_at = 0;

    std::vector<std::string> challenge_types() const override { return types; }

    asio::awaitable<void> async_provision(identifier, challenge c, std::string key_authorization) override
    {
        const std::size_t number = ++begun;
        co_await asio::post(asio::use_awaitable);
        if (number == fail_at)
            throw error(errc::dns, "provisioning", "no answer from the name server");
        answers[c.token] = std::move(key_authorization);
        most = std::max(most, answers.size());
    }

    void withdraw(const identifier&, const challenge& c) noexcept override
    {
        ++withdrawn;
        answers.erase(c.token);
    }

    /// What the CA finds here.
    std::optional<std::string> look(const validation& v) const
    {
        const auto found = answers.find(v.token);
        if (found == answers.end())
            return "nothing answers";
        return found->second == v.key_authorization ? std::nullopt : std::optional<std::string>("a wrong answer");
    }
};

/// A client, its CA, and all that is between them.
struct bench
{
    asio::io_context io;
    std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
    testing::ca ca;
    std::shared_ptr<scripted_transport> net = std::make_shared<scripted_transport>(peer_of(ca));
    recording_responder responder;

    explicit bench(ca_options o = leisurely())
        : ca(std::move(o))
    {
        ca.state().options.clock = clock;
        ca.state().options.validate = [this](const validation& v) { return responder.look(v); };
    }
    bench(const bench&) = delete;
    bench& operator=(const bench&) = delete;

    /// The next that many signed requests are refused with badNonce, and none that were to be refused earlier.
    void refuse_nonces(std::size_t n)
    {
        ca.clear_faults();
        ca.inject(testing::at(testing::step::any).times(n), testing::fault::bad_nonce());
    }

    client_options options() const
    {
        client_options o;
        o.directory_url = ca.directory_url();
        o.transport = net;
        o.clock = clock;
        o.random = [] { return std::uint64_t(0); };
        return o;
    }

    /// Runs to the end, time jumping where there is nothing else to do.
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
        clock->run(io, [&] { return done; });
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
        clock->run(io, [&] { return done; });
        if (failure)
            std::rethrow_exception(failure);
    }

    /// The error that the work ends with; fails where it ends well.
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

    /// Registers, and forgets the requests that it took.
    void warm_up(client& c)
    {
        run(c.async_new_account(account_request()));
        net->requests.clear();
    }
};

inline obtain_request request_for(std::vector<std::string> names)
{
    obtain_request r;
    for (auto& name : names)
        r.order.identifiers.emplace_back("dns", std::move(name));
    r.certificate_key = key::generate();
    return r;
}

/// Everything a failed or finished order must have left behind: nothing.
inline void check_clean(const bench& b)
{
    BOOST_TEST(b.responder.begun == b.responder.withdrawn);
    BOOST_TEST(b.responder.answers.empty());
    BOOST_TEST(b.net->in_flight == 0u);
    BOOST_TEST(b.clock->waiting() == 0u);
}

} // namespace acme::test
