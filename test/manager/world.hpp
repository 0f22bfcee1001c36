#pragma once

#include "kit/ca.hpp"
#include "kit/scripted_transport.hpp"

#include <acme/manager.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace acme::test {

/// What became of an operation that was started and not waited for.
struct outcome
{
    bool done = false;
    certificate_ptr certificate;
    std::exception_ptr failure;
    boost::asio::cancellation_signal cancel;

    /// Empty where it did not fail, or with something else than an `acme::error`.
    std::optional<error> refused() const;
    /// The code of whatever it failed with; none where it did not fail.
    boost::system::error_code code() const;
};
using outcome_ptr = std::shared_ptr<outcome>;

/// The directory, accounts, challenges and orders of a model CA, a network that loses what it is told to, and a clock
/// moved by hand: what stands around a manager.
class surroundings
{
public:
    surroundings();
    surroundings(const surroundings&) = delete;
    surroundings& operator=(const surroundings&) = delete;

    std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
    testing::ca ca;
    std::shared_ptr<scripted_transport> network;
    /// Where the CA's validations look; none succeeds where it is empty.
    std::shared_ptr<const credentials> hook;
    /// What each validation found wrong in place of looking.
    std::optional<std::string> validation_error;
    unsigned validations = 0;
    /// The kinds of challenge for which nothing gets through.
    std::set<std::string> blocked;
    /// What was validated, in order; all of it, and its kinds.
    std::vector<validation> validated;
    std::vector<std::string> kinds() const;

    /// Without limits; its time, randomness and network are these surroundings'.
    config options() const;
    std::size_t orders() const { return network->count("POST", "/new-order"); }
    std::size_t finalizes() const { return network->count("POST", "/finalize"); }
    std::size_t registrations() const { return network->count("POST", "/new-account"); }

private:
    std::optional<std::string> look(const validation& v);
    std::optional<std::string> look_over_http(const validation& v) const;
};

/// A process: an io_context of one thread, and a manager on it.
class server_process
{
public:
    explicit server_process(surroundings& around);
    server_process(surroundings& around, config options);
    server_process(const server_process&) = delete;
    server_process& operator=(const server_process&) = delete;

    surroundings& around;
    boost::asio::io_context io;
    std::vector<event> events;
    std::unique_ptr<acme::manager> manager;

    /// Runs until `done`; whenever nothing else happens, time jumps to the next moment for which something waits.
    void run_until(const std::function<bool()>& done);
    /// Runs all that can happen without time passing.
    void settle();
    /// Lets that much time pass, and everything happen that does meanwhile.
    void pass(std::chrono::steady_clock::duration d);
    /// How long the real time is in which nothing happens before the clock is moved; longer where files are involved,
    /// though it is never moved while another thread works.
    std::chrono::milliseconds patience{1};

    outcome_ptr start(boost::asio::awaitable<certificate_ptr> operation);
    outcome_ptr start(boost::asio::awaitable<void> operation);
    outcome_ptr ask(std::string host) { return start(manager->async_get_certificate(std::move(host))); }
    outcome_ptr shake_hands(std::string host)
    {
        return start(manager->async_get_certificate(client_hello(std::move(host))));
    }

    /// Waits for what was started, and throws what it failed with.
    certificate_ptr wait(const outcome_ptr& o);
    certificate_ptr get(std::string host) { return wait(ask(std::move(host))); }
    void await(boost::asio::awaitable<void> operation) { wait(start(std::move(operation))); }
    /// Waits for what was started, and returns the `acme::error` it has to fail with.
    error wait_refused(const outcome_ptr& o);
    error refusal(std::string host) { return wait_refused(ask(std::move(host))); }

    template <class Event>
    std::vector<Event> told() const
    {
        std::vector<Event> all;
        for (const auto& e : events)
            if (const auto* one = std::get_if<Event>(&e))
                all.push_back(*one);
        return all;
    }
};

/// Both, for the tests that need one process only.
struct world : surroundings, server_process
{
    world()
        : server_process(static_cast<surroundings&>(*this))
    {}
    explicit world(const std::function<void(config&)>& change)
        : server_process(static_cast<surroundings&>(*this), changed(*this, change))
    {}

private:
    static config changed(const surroundings& around, const std::function<void(config&)>& change)
    {
        config c = around.options();
        change(c);
        return c;
    }
};

/// "h7.example.com".
std::string host_number(int n);

inline bool between(std::chrono::steady_clock::duration d, std::chrono::steady_clock::duration from,
    std::chrono::steady_clock::duration to)
{
    return from <= d && d <= to;
}

} // namespace acme::test
