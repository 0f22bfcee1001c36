#include "transport/lookup.hpp"

#include "kit/name_service.hpp"
#include "transport/resolve.hpp"

#include <acme/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace acme::test {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using addresses = std::vector<asio::ip::address>;

struct found
{
    std::exception_ptr failure;
    addresses all;
    bool done = false;

    boost::system::error_code code() const
    {
        try {
            if (failure)
                std::rethrow_exception(failure);
        } catch (const error& e) {
            return e.code();
        }
        return {};
    }
};

struct looking
{
    std::shared_ptr<found> look_up(std::string host, std::chrono::milliseconds limit, asio::cancellation_slot slot = {})
    {
        auto result = std::make_shared<found>();
        auto operation = async_look_up(std::move(host), held, std::chrono::steady_clock::now() + limit);
        auto keep = [result](std::exception_ptr e, addresses all) {
            result->failure = e;
            result->all = std::move(all);
            result->done = true;
        };
        asio::co_spawn(*io, std::move(operation), asio::bind_cancellation_slot(slot, keep));
        return result;
    }
    bool wait(const std::shared_ptr<found>& f)
    {
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (!f->done && std::chrono::steady_clock::now() < end)
            io->run_one_for(1s);
        return f->done;
    }

    void wait_until_stuck(unsigned count)
    {
        while (names.stuck() < count)
            io->run_one_for(1ms);
    }

    name_service names;
    std::shared_ptr<const int> held = std::make_shared<const int>();
    std::unique_ptr<asio::io_context> io = std::make_unique<asio::io_context>();
};

BOOST_FIXTURE_TEST_SUITE(lookup, looking)

BOOST_AUTO_TEST_CASE(a_name_whose_servers_do_not_answer_delays_no_other)
{
    for (const char* host : {"a.slow", "b.slow", "c.slow"})
        look_up(host, 1h);
    wait_until_stuck(3);
    const auto quick = look_up("name.quick", 10s);
    BOOST_REQUIRE(wait(quick));
    BOOST_TEST(quick->all == addresses{asio::ip::make_address("127.0.0.1")}, boost::test_tools::per_element());
    // Nor those of the CA.
    const auto where = parse_target("https://ca.quick:14000/dir");
    auto endpoints =
        asio::co_spawn(*io, async_resolve(*where, std::chrono::steady_clock::now() + 10s), asio::use_future);
    while (endpoints.wait_for(0s) != std::future_status::ready)
        BOOST_REQUIRE(io->run_one_for(10s) > 0);
    BOOST_TEST(endpoints.get().size() == 1U);
    BOOST_TEST(names.stuck() == 3U);
}

BOOST_AUTO_TEST_CASE(lookups_of_a_name_that_were_given_up_do_not_pile_up)
{
    const auto resolve = [&](const char* url) {
        const auto where = parse_target(url);
        auto operation = [](target t) -> asio::awaitable<std::size_t> {
            const auto found = co_await async_resolve(t, std::chrono::steady_clock::now() + 20ms);
            co_return found.size();
        };
        io->restart();
        auto result = asio::co_spawn(*io, operation(*where), asio::use_future);
        while (result.wait_for(0s) != std::future_status::ready)
            io->run_one_for(1s);
        return result;
    };
    for (int n = 0; n != 40; ++n)
        BOOST_CHECK_EXCEPTION(
            resolve("https://ca.slow/").get(), error, [](const error& e) { return e.code() == errc::timed_out; });
    wait_until_stuck(32);
    BOOST_TEST(names.stuck() == 32U);
    BOOST_TEST(resolve("https://ca.quick/").get() == 1U);
}

BOOST_AUTO_TEST_CASE(it_ends_in_time_or_when_cancelled_and_its_thread_goes_on)
{
    const auto late = look_up("late.slow", 20ms);
    asio::cancellation_signal stop;
    const auto cancelled = look_up("cancelled.slow", 1h, stop.slot());
    wait_until_stuck(2);
    BOOST_REQUIRE(wait(late));
    BOOST_TEST((late->code() == errc::timed_out));
    stop.emit(asio::cancellation_type::terminal);
    BOOST_REQUIRE(wait(cancelled));
    BOOST_TEST((cancelled->code() == asio::error::operation_aborted));
    BOOST_TEST(names.stuck() == 2U);
    BOOST_TEST(held.use_count() == 3);
}

BOOST_AUTO_TEST_CASE(a_thread_outlives_the_executor)
{
    look_up("left.slow", 1h);
    wait_until_stuck(1);
    io.reset();
    BOOST_TEST(names.stuck() == 1U);
}

BOOST_AUTO_TEST_CASE(a_name_without_addresses_is_an_error)
{
    const auto none = look_up("no-such-name.invalid", 30s);
    BOOST_REQUIRE(wait(none));
    BOOST_TEST((none->code() == asio::error::host_not_found || none->code() == asio::error::host_not_found_try_again));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
