#include "manager/world.hpp"

#include "crypto/jose.hpp"
#include "kit/other_threads.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include <stdexcept>

namespace acme::test {

namespace asio = boost::asio;

namespace {

constexpr auto longest_test = std::chrono::minutes(2);

ca_options ca_with(const std::shared_ptr<manual_clock>& clock)
{
    ca_options o = leisurely();
    o.clock = clock;
    return o;
}

config telling(config c, std::vector<event>& events)
{
    if (!c.on_event)
        c.on_event = [&events](const event& e) { events.push_back(e); };
    return c;
}

} // namespace

std::optional<error> outcome::refused() const
{
    if (!failure)
        return std::nullopt;
    try {
        std::rethrow_exception(failure);
    } catch (const error& e) {
        return e;
    } catch (...) {
        return std::nullopt;
    }
}

boost::system::error_code outcome::code() const
{
    if (!failure)
        return {};
    try {
        std::rethrow_exception(failure);
    } catch (const boost::system::system_error& e) {
        return e.code();
    }
}

surroundings::surroundings()
    : ca(ca_with(clock))
    , network(std::make_shared<scripted_transport>(peer_of(ca)))
{
    ca.state().options.validate = [this](const validation& v) { return look(v); };
}

std::optional<std::string> surroundings::look(const validation& v)
{
    ++validations;
    validated.push_back(v);
    if (blocked.contains(v.type))
        return "no route to host";
    if (validation_error)
        return validation_error;
    if (v.type == "http-01")
        return look_over_http(v);
    const auto answer = hook ? hook->find_challenge(v.identifier.value) : nullptr;
    if (!answer)
        return "nobody answers";
    const auto digest = sha256(v.key_authorization);
    const std::string_view wanted(reinterpret_cast<const char*>(digest.data()), digest.size());
    if (answer->leaf_der().find(wanted) == std::string_view::npos)
        return "the answer is for another challenge";
    return std::nullopt;
}

std::optional<std::string> surroundings::look_over_http(const validation& v) const
{
    const auto answer = hook ? hook->find_http_challenge(v.token) : nullptr;
    if (!answer)
        return "not found";
    if (answer->host != v.identifier.value || answer->key_authorization != v.key_authorization)
        return "the answer is for another challenge";
    return std::nullopt;
}

std::vector<std::string> surroundings::kinds() const
{
    std::vector<std::string> all;
    for (const auto& v : validated)
        all.push_back(v.type);
    return all;
}

config surroundings::options() const
{
    config c;
    c.directory_url = ca.directory_url();
    c.transport = network;
    c.clock = clock;
    c.random = [] { return std::uint64_t{0}; };
    c.limits = limits::off();
    c.self_check.enabled = false;
    return c;
}

server_process::server_process(surroundings& s)
    : server_process(s, s.options())
{}

server_process::server_process(surroundings& s, config options)
    : around(s)
    , manager(std::make_unique<acme::manager>(io.get_executor(), telling(std::move(options), events)))
{
    around.hook = manager->credentials();
}

void server_process::run_until(const std::function<bool()>& done)
{
    const auto limit = std::chrono::steady_clock::now() + longest_test;
    io.restart();
    while (!done()) {
        if (std::chrono::steady_clock::now() > limit)
            throw std::runtime_error("what is waited for does not happen");
        if (io.poll_one() > 0 || io.run_one_for(patience) > 0)
            continue;
        if (io.stopped())
            throw std::runtime_error("nothing is left that could make happen what is waited for");
        if (other_threads_sleep() && io.poll_one() == 0)
            around.clock->advance_to_next();
    }
}

void server_process::settle()
{
    io.restart();
    while (io.run_one_for(patience) > 0 || !other_threads_sleep() || io.poll_one() > 0) {
    }
}

void server_process::pass(std::chrono::steady_clock::duration d)
{
    bool over = false;
    const auto end = around.clock->elapsed() + d;
    auto wait_there = [](std::shared_ptr<acme::clock> c,
                          std::chrono::steady_clock::duration t) -> asio::awaitable<void> {
        co_await c->async_wait(t);
    };
    asio::co_spawn(
        io, wait_there(around.clock, end - around.clock->elapsed()), [&over](std::exception_ptr) { over = true; });
    run_until([&] { return over; });
    settle();
}

outcome_ptr server_process::start(asio::awaitable<certificate_ptr> operation)
{
    auto o = std::make_shared<outcome>();
    auto keep = [o](std::exception_ptr e, certificate_ptr c) {
        o->failure = e;
        o->certificate = std::move(c);
        o->done = true;
    };
    asio::co_spawn(io, std::move(operation), asio::bind_cancellation_slot(o->cancel.slot(), std::move(keep)));
    return o;
}

outcome_ptr server_process::start(asio::awaitable<void> operation)
{
    auto o = std::make_shared<outcome>();
    auto keep = [o](std::exception_ptr e) {
        o->failure = e;
        o->done = true;
    };
    asio::co_spawn(io, std::move(operation), asio::bind_cancellation_slot(o->cancel.slot(), std::move(keep)));
    return o;
}

certificate_ptr server_process::wait(const outcome_ptr& o)
{
    run_until([&] { return o->done; });
    if (o->failure)
        std::rethrow_exception(o->failure);
    return o->certificate;
}

error server_process::wait_refused(const outcome_ptr& o)
{
    run_until([&] { return o->done; });
    auto e = o->refused();
    if (!e)
        throw std::logic_error("it ends without an acme::error");
    return *e;
}

std::string host_number(int n)
{
    return "h" + std::to_string(n) + ".example.com";
}

} // namespace acme::test
