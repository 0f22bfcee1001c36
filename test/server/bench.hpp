#pragma once

#include "kit/ca.hpp"

#include <acme/manager.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace acme::test {

namespace asio = boost::asio;
using namespace std::chrono_literals;

/// Certificates and challenges that a test lays down itself.
class laid_credentials : public credentials
{
public:
    certificate_ptr find(std::string_view name) const noexcept override { return look(certificates, name); }
    certificate_ptr find_challenge(std::string_view name) const noexcept override { return look(challenges, name); }

    using map = std::map<std::string, certificate_ptr, std::less<>>;
    map certificates;
    map challenges;

private:
    static certificate_ptr look(const map& m, std::string_view name) noexcept
    {
        auto it = m.find(name);
        return it == m.end() ? nullptr : it->second;
    }
};

/// A CA in the process that can be made to wait.
class gated_ca : public transport
{
public:
    asio::awaitable<https_response> async_exchange(https_request request) override;

    testing::ca ca;
    std::shared_ptr<transport> door = ca.transport();
    bool open = true;
    std::size_t waiting = 0;
    /// The answer to newOrder requests, where it is set.
    std::optional<https_response> refusal;
    std::size_t orders = 0;
};

/// What becomes of an operation in the background.
template <class T>
struct outcome
{
    std::optional<T> value;
    std::exception_ptr failure;

    bool done() const { return value || failure; }
};

/// A manager with such a CA, on a thread of the test's own. Nothing outlives the test.
class bench
{
public:
    explicit bench(config options = config());
    ~bench();
    bench(const bench&) = delete;
    bench& operator=(const bench&) = delete;

    /// Runs until the operation is complete, for a minute at most.
    template <class T>
    T run(asio::awaitable<T> operation)
    {
        const auto result = begin(std::move(operation));
        run_until([&] { return result->done(); });
        if (result->failure)
            std::rethrow_exception(result->failure);
        return std::move(*result->value);
    }
    void run(asio::awaitable<void> operation);

    /// Starts it in the background.
    template <class T>
    std::shared_ptr<outcome<T>> begin(asio::awaitable<T> operation)
    {
        auto result = std::make_shared<outcome<T>>();
        auto keep = [result](std::exception_ptr e, T value) {
            result->failure = e;
            if (!e)
                result->value = std::move(value);
        };
        asio::co_spawn(io, std::move(operation), keep);
        return result;
    }

    manager& certificates() { return *manager_; }
    void destroy_manager() { manager_.reset(); }

    asio::io_context io;
    std::shared_ptr<gated_ca> ca = std::make_shared<gated_ca>();
    std::vector<event> events;

    /// Runs until `condition` holds; fails the test where that takes more than ten seconds.
    void wait_for(const std::function<bool()>& condition);

private:
    void run_until(const std::function<bool()>& done);

    std::unique_ptr<manager> manager_;
};

template <class T>
std::shared_ptr<outcome<T>> begin(bench& b, asio::awaitable<T> operation)
{
    return b.begin(std::move(operation));
}

asio::awaitable<void> pause(std::chrono::steady_clock::duration d);

/// A certificate for `names`, valid now.
certificate_ptr make_certificate_for(std::vector<std::string> names);

/// The code of the `boost::system::system_error` in an exception, with the host where it is an `acme::error`.
struct caught
{
    explicit caught(std::exception_ptr e);

    boost::system::error_code code;
    std::string host;
    std::string what;
    bool typed = false;
};

} // namespace acme::test
