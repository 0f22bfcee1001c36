#pragma once

#include "kit/pebble.hpp"

#include <acme/manager.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

/// The servers of the integration tests: a manager that talks to Pebble, behind a real TLS port.
namespace acme::test {

namespace asio = boost::asio;

/// Counts what a client sends; answers may be looked at.
class counting_transport : public transport
{
public:
    explicit counting_transport(std::shared_ptr<transport> inner)
        : inner_(std::move(inner))
    {}

    asio::awaitable<https_response> async_exchange(https_request request) override;

    /// "POST https://..." in the order sent.
    std::vector<std::string> requests() const;
    void clear();

private:
    std::shared_ptr<transport> inner_;
    mutable std::mutex mutex_;
    std::vector<std::string> requests_;
};

/// The system's clock, which can be pushed ahead: waits end accordingly earlier.
class pushed_clock : public clock
{
public:
    std::chrono::system_clock::time_point now() const noexcept override;
    asio::awaitable<void> async_wait(std::chrono::steady_clock::duration d) override;

    void push(std::chrono::steady_clock::duration d);

private:
    std::chrono::steady_clock::duration ahead() const;

    mutable std::mutex mutex_;
    std::chrono::steady_clock::duration ahead_{};
};

struct site_options
{
    /// The directory, the trust in the CA and the event sink are the site's; there are neither limits nor self-checks
    /// by default.
    acme::config config;
    int threads = 1;
    /// With a single thread only: see `site::requests`.
    bool count_requests = false;

    site_options()
    {
        config.limits = limits::off();
        config.self_check.enabled = false;
    }
};

/// A manager and its io_context with threads. What does not end gracefully fails the test.
class site
{
public:
    explicit site(const pebble& ca, site_options options = {});
    ~site();
    site(const site&) = delete;
    site& operator=(const site&) = delete;

    /// Answers every path with "Hello, TLS!" at `port`, or where the CA validates. Returns once it listens.
    void serve(std::uint16_t port = 0);
    /// The same and, at the port returned, HTTP.
    std::uint16_t serve_and_redirect();
    /// The same with HTTP where the CA validates, and HTTPS at a port of its own, where the CA does not look.
    void serve_out_of_reach_of_tls(std::uint16_t http_port);
    /// A server of one's own making: accepts, and has `acme::async_handshake` do the rest.
    void serve_by_hand();
    std::uint16_t port() const { return port_; }

    manager& certificates() { return *manager_; }
    counting_transport& requests() { return *requests_; }
    asio::io_context& io() { return io_; }

    /// Awaits it on the io_context, for 60 s at most.
    template <class T>
    T run(asio::awaitable<T> operation)
    {
        auto result = asio::co_spawn(io_, std::move(operation), asio::use_future);
        if (result.wait_for(std::chrono::seconds(60)) != std::future_status::ready)
            throw std::runtime_error("an operation does not end");
        return result.get();
    }

    template <class T>
    std::future<T> begin(asio::awaitable<T> operation)
    {
        return asio::co_spawn(io_, std::move(operation), asio::use_future);
    }

    certificate_ptr obtain(const std::string& host) { return run(manager_->async_get_certificate(host)); }

    /// What obtaining a host's certificate throws; fails the test where it does not.
    error failure_to_obtain(const std::string& host);

    template <class Event>
    std::vector<Event> events() const
    {
        std::lock_guard lock(mutex_);
        std::vector<Event> found;
        for (auto& each : events_)
            if (auto* e = std::get_if<Event>(&each))
                found.push_back(*e);
        return found;
    }

    template <class Event>
    bool wait_for_events(std::size_t count, std::chrono::seconds limit = std::chrono::seconds(20))
    {
        std::unique_lock lock(mutex_);
        auto enough = [&] {
            std::size_t found = 0;
            for (auto& each : events_)
                found += std::holds_alternative<Event>(each) ? 1U : 0U;
            return found >= count;
        };
        return changed_.wait_for(lock, limit, enough);
    }

    /// The failures of handshakes that are `acme::error`.
    std::vector<error> handshake_failures() const;
    bool wait_for_handshake_failures(std::size_t count, std::chrono::seconds limit = std::chrono::seconds(20));

private:
    void on_event(const event& e);
    void on_error(std::exception_ptr failure);
    void start_server(asio::awaitable<void> server);
    std::uint16_t serve_both(std::uint16_t https_port, std::uint16_t http_port);
    asio::awaitable<void> accept_by_hand();

    std::uint16_t port_;
    asio::io_context io_;
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
    std::vector<std::thread> threads_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<event> events_;
    std::vector<error> handshake_failures_;

    std::shared_ptr<counting_transport> requests_;
    std::unique_ptr<manager> manager_;
    std::vector<std::future<void>> servers_;
    std::function<void()> stop_accepting_;
};

/// A CA for all tests that need nothing special: Pebble's default nonce rejection, no sleeps, 90 days.
pebble& usual_ca();

} // namespace acme::test
