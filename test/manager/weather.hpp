#pragma once

#include "manager/world.hpp"

#include <acme/clock.hpp>
#include <acme/testing/fault.hpp>
#include <acme/testing/store.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace acme::test {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::at;
using testing::fault;
using testing::faulty_store;
using testing::operation;
using testing::step;
using testing::store_fault;

inline constexpr auto day = hours(24);

/// What a newOrder request says.
struct wanted_order
{
    std::string host;
    std::string replaces;
    /// By the CA's clock.
    std::chrono::system_clock::time_point when{};

    wanted_order() = default;
};

/// Everything that may go wrong around a manager: a CA with renewal information and a clock of its own, which is always
/// right, and a disk that fails on demand.
class climate : public surroundings
{
public:
    climate();

    /// Answers an order in place of the CA where it returns something.
    std::function<std::optional<https_response>(const wanted_order&)> refuse;
    /// The orders that were asked for, in order.
    std::vector<wanted_order> asked;
    std::shared_ptr<faulty_store> disk = std::make_shared<faulty_store>();

    /// The CA's clock.
    std::chrono::system_clock::time_point right_time() const;
    std::size_t asked_for(std::string_view host) const;
    /// How many certificates for the host the CA has issued.
    std::size_t issued(std::string_view host) const;
    std::size_t issued() const { return ca.state().certificates.size(); }
    std::size_t polls() const { return network->count("GET", "/renewal-info/"); }
    /// Sets the window of all certificates that there are, and of those to come.
    void set_window(std::chrono::system_clock::time_point start, std::chrono::system_clock::time_point end);

private:
    https_response answer(const https_request& r);
};

/// 429 rateLimited in the CA's words.
https_response rate_limited(std::string_view detail, seconds retry_after);

/// With one process.
struct weather : climate, server_process
{
    weather()
        : weather([](config&) {})
    {}
    explicit weather(const std::function<void(config&)>& change)
        : server_process(static_cast<surroundings&>(*this), changed(*this, change))
    {
        patience = std::chrono::milliseconds(0);
    }

    /// How many other managers there were.
    std::uint64_t companions = 0;

    void use_disk() { await(manager->async_use_store(disk)); }
    certificate_ptr served(std::string_view host) const { return manager->credentials()->find(host); }
    bool replaced(const certificate_ptr& c, std::string_view host) const { return served(host) != c; }
    void obtain(int hosts);
    void pass_until(std::chrono::system_clock::time_point t);

private:
    static config changed(const surroundings& around, const std::function<void(config&)>& change)
    {
        config c = around.options();
        change(c);
        return c;
    }
};

/// A later process on the same state.
struct restarted : server_process
{
    explicit restarted(climate& c)
        : restarted(c, c.options())
    {}
    restarted(climate& c, config options)
        : server_process(c, std::move(options))
    {
        patience = std::chrono::milliseconds(0);
        await(manager->async_use_store(c.disk));
    }
};

} // namespace acme::test
