#include "server/bench.hpp"

#include <boost/asio/this_coro.hpp>
#include <boost/test/unit_test.hpp>

namespace acme::test {

asio::awaitable<https_response> gated_ca::async_exchange(https_request request)
{
    ++waiting;
    while (!open)
        co_await pause(5ms);
    --waiting;
    if (request.url.ends_with("/new-order")) {
        ++orders;
        if (refusal)
            co_return *refusal;
    }
    co_return co_await door->async_exchange(std::move(request));
}

bench::bench(config options)
{
    options.transport = ca;
    options.directory_url = ca->ca.directory_url();
    options.limits = limits::off();
    // Names lead nowhere.
    if (!options.self_check.resolver && !options.self_check.private_addresses)
        options.self_check.enabled = false;
    options.on_event = [this](const event& e) { events.push_back(e); };
    manager_ = std::make_unique<manager>(io.get_executor(), options);
}

// What is still under way ends with the io_context, unfinished.
bench::~bench() = default;

void bench::run(asio::awaitable<void> operation)
{
    run([](asio::awaitable<void> all) -> asio::awaitable<bool> {
        co_await std::move(all);
        co_return true;
    }(std::move(operation)));
}

void bench::run_until(const std::function<bool()>& done)
{
    io.restart();
    auto end = std::chrono::steady_clock::now() + 60s;
    while (!done() && std::chrono::steady_clock::now() < end)
        io.run_one_for(1s);
    if (!done())
        throw std::runtime_error("an operation does not end");
}

void bench::wait_for(const std::function<bool()>& condition)
{
    for (int i = 0; i < 2000 && !condition(); ++i)
        run(pause(5ms));
    BOOST_TEST(condition());
}

asio::awaitable<void> pause(std::chrono::steady_clock::duration d)
{
    asio::steady_timer timer(co_await asio::this_coro::executor, d);
    co_await timer.async_wait(asio::use_awaitable);
}

certificate_ptr make_certificate_for(std::vector<std::string> names)
{
    auto made = make_chain(chain_options(std::move(names)));
    std::string why;
    auto c = certificate::from_pem(made.pem, made.leaf_key, why);
    if (!c)
        throw std::logic_error(why);
    return c;
}

caught::caught(std::exception_ptr e)
{
    try {
        if (e)
            std::rethrow_exception(e);
    } catch (const error& failure) {
        code = failure.code();
        host = failure.host();
        what = failure.what();
        typed = true;
    } catch (const boost::system::system_error& failure) {
        code = failure.code();
        what = failure.what();
    } catch (const std::exception& failure) {
        what = failure.what();
    }
}

} // namespace acme::test
