#pragma once

#include "manager/group_store.hpp"
#include "manager/state.hpp"
#include "manager/weather.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace acme::test {

/// A machine's clock: it goes as the others', and shows something else.
class skewed_clock : public clock
{
public:
    skewed_clock(std::shared_ptr<clock> right, std::chrono::seconds ahead)
        : right_(std::move(right))
        , ahead_(ahead)
    {}

    std::chrono::system_clock::time_point now() const noexcept override { return right_->now() + ahead_; }
    boost::asio::awaitable<void> async_wait(std::chrono::steady_clock::duration d) override
    {
        return right_->async_wait(d);
    }
    void set_ahead(std::chrono::seconds ahead) { ahead_ = ahead; }

private:
    std::shared_ptr<clock> right_;
    std::chrono::seconds ahead_;
};

/// A network that counts what one machine asks for.
class counting_transport : public transport
{
public:
    explicit counting_transport(std::shared_ptr<transport> behind)
        : behind_(std::move(behind))
    {}

    std::size_t orders = 0;
    std::size_t polls = 0;
    /// Nothing gets through.
    bool cut = false;

    boost::asio::awaitable<https_response> async_exchange(https_request request) override
    {
        if (cut)
            throw error(make_error_code(boost::asio::error::connection_refused), "the test's network");
        polls += request.url.find("/renewal-info/") == request.url.npos ? 0 : 1;
        orders += request.url.ends_with("/new-order") ? 1 : 0;
        return behind_->async_exchange(std::move(request));
    }

private:
    std::shared_ptr<transport> behind_;
};

/// Another manager of the group, on the same thread as the first.
class member
{
public:
    explicit member(weather& w, const std::function<void(config&)>& change = {})
        : network(std::make_shared<counting_transport>(w.network))
        , home_(w)
        , manager(std::make_unique<acme::manager>(w.io.get_executor(), changed(w, change)))
    {}

    std::shared_ptr<counting_transport> network;
    std::vector<event> events;

    void use(std::shared_ptr<store> where) { home_.await(manager->async_use_store(std::move(where))); }
    outcome_ptr ask(std::string host) { return home_.start(manager->async_get_certificate(std::move(host))); }
    outcome_ptr ask(client_hello hello) { return home_.start(manager->async_get_certificate(std::move(hello))); }
    certificate_ptr get(std::string host) { return home_.wait(ask(std::move(host))); }
    error refusal(std::string host) { return home_.wait_refused(ask(std::move(host))); }
    certificate_ptr served(std::string_view host) const { return manager->credentials()->find(host); }

    template <class Event>
    std::size_t count() const
    {
        std::size_t n = 0;
        for (const auto& e : events)
            n += std::holds_alternative<Event>(e) ? 1U : 0U;
        return n;
    }

private:
    config changed(weather& w, const std::function<void(config&)>& change)
    {
        config c = w.options();
        c.transport = network;
        // Otherwise they would have one name among the group.
        c.random = [number = ++w.companions] { return number; };
        c.on_event = [this](const event& e) { events.push_back(e); };
        if (change)
            change(c);
        return c;
    }

    weather& home_;

public:
    std::unique_ptr<acme::manager> manager;
};

/// Three managers on one store in memory.
struct trio : weather
{
    trio()
        : trio([](config&) {})
    {}
    explicit trio(const std::function<void(config&)>& change)
        : weather(change)
        , second(*this, change)
        , third(*this, change)
    {
        use_disk();
        second.use(disk);
        third.use(disk);
    }

    member second;
    member third;
};

/// Two managers with a door each.
struct pair_with_doors : weather
{
    pair_with_doors()
        : pair_with_doors([](config&) {})
    {}
    explicit pair_with_doors(const std::function<void(config&)>& change)
        : weather(change)
        , second(*this, change)
    {
        await(manager->async_use_store(door));
        second.use(second_door);
        settle();
    }

    const state_keys keys{ca.directory_url()};
    std::shared_ptr<common_store> common = std::make_shared<common_store>();
    std::shared_ptr<store_door> door = std::make_shared<store_door>(common);
    std::shared_ptr<store_door> second_door = std::make_shared<store_door>(common);
    member second;
};

/// Asks for a token that nobody has.
inline boost::asio::awaitable<void> guess_token(acme::manager& m)
{
    std::string token(22, 'g');
    const auto found = co_await m.async_find_http_challenge(std::move(token));
    BOOST_TEST(!found);
}

} // namespace acme::test
