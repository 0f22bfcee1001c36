#include "transport/slots.hpp"
#include "transport/target.hpp"

#include <acme/clock.hpp>
#include <acme/transport.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <set>

using namespace acme;
using namespace std::chrono_literals;
namespace asio = boost::asio;

BOOST_AUTO_TEST_SUITE(transport_pieces)

BOOST_AUTO_TEST_CASE(a_url_leads_to_its_target)
{
    struct
    {
        const char* url;
        const char* host;
        const char* port;
        const char* authority;
        const char* path;
    } const cases[] = {
        {"https://ca.test", "ca.test", "443", "ca.test", "/"},
        {"https://ca.test/", "ca.test", "443", "ca.test", "/"},
        {"https://ca.test:443/dir", "ca.test", "443", "ca.test", "/dir"},
        {"https://ca.test:14000/dir?a=b", "ca.test", "14000", "ca.test:14000", "/dir?a=b"},
        {"https://ca.test?a=b", "ca.test", "443", "ca.test", "/?a=b"},
        {"https://192.0.2.7:8443/x", "192.0.2.7", "8443", "192.0.2.7:8443", "/x"},
        {"https://[2001:db8::1]/x", "2001:db8::1", "443", "[2001:db8::1]", "/x"},
        {"https://[2001:db8::1]:444/x%2F", "2001:db8::1", "444", "[2001:db8::1]:444", "/x%2F"},
        {"https://ca.test/x#fragment", "ca.test", "443", "ca.test", "/x"},
        {"HTTPS://ca.test/x", "ca.test", "443", "ca.test", "/x"},
    };
    for (const auto& row : cases) {
        const auto t = parse_target(row.url);
        BOOST_REQUIRE_MESSAGE(t, row.url);
        BOOST_TEST(t->host == row.host);
        BOOST_TEST(t->port == row.port);
        BOOST_TEST(t->authority == row.authority);
        BOOST_TEST(t->path == row.path);
    }
    BOOST_TEST(!parse_target("https://ca.test/" + std::string(2048, 'x')));
}

BOOST_AUTO_TEST_CASE(the_media_type_is_without_case_space_and_parameters)
{
    const std::pair<const char*, const char*> cases[] = {{"application/json", "application/json"},
        {"Application/JSON; charset=utf-8", "application/json"}, {" text/html ;x", "text/html"}, {"", ""}, {";", ""},
        {"  ", ""}};
    for (const auto& [field, expected] : cases) {
        https_response r;
        r.fields.emplace_back("content-type", field);
        BOOST_TEST(r.media_type() == expected);
    }
    BOOST_TEST(https_response().media_type().empty());
}

BOOST_AUTO_TEST_CASE(places_are_given_in_the_order_of_asking)
{
    asio::io_context io;
    slots places(2);
    std::vector<int> order;
    std::vector<slots::lease> held;
    for (int i = 0; i < 5; ++i)
        asio::co_spawn(io, places.async_acquire(), [&, i](std::exception_ptr, slots::lease l) {
            order.push_back(i);
            held.push_back(std::move(l));
        });
    io.poll();
    BOOST_TEST(order.size() == 2u);
    while (!held.empty()) {
        held.erase(held.begin());
        io.restart();
        io.poll();
    }
    BOOST_TEST(order == (std::vector<int>{0, 1, 2, 3, 4}), boost::test_tools::per_element());
    BOOST_TEST(places.unused());
}

BOOST_AUTO_TEST_CASE(who_gives_up_waiting_loses_no_place)
{
    asio::io_context io;
    slots places(1);
    slots::lease first;
    asio::co_spawn(io, places.async_acquire(), [&](std::exception_ptr, slots::lease l) { first = std::move(l); });
    asio::cancellation_signal signal;
    bool cancelled = false;
    bool late = false;
    slots::lease last;
    asio::co_spawn(io, places.async_acquire(),
        asio::bind_cancellation_slot(
            signal.slot(), [&](std::exception_ptr e, slots::lease) { cancelled = e != nullptr; }));
    asio::co_spawn(io, places.async_acquire(std::chrono::steady_clock::now() + 20ms),
        [&](std::exception_ptr e, slots::lease l) { late = !e && !l; });
    asio::co_spawn(io, places.async_acquire(), [&](std::exception_ptr, slots::lease l) { last = std::move(l); });
    io.poll();
    signal.emit(asio::cancellation_type::terminal);
    io.poll();
    BOOST_TEST(cancelled);
    while (!late && io.run_one_for(30s) != 0) {
    }
    BOOST_TEST(late);
    BOOST_TEST(!last);
    first = slots::lease();
    io.restart();
    io.poll();
    BOOST_TEST(!!last);
    last = slots::lease();
    BOOST_TEST(places.unused());
}

BOOST_AUTO_TEST_CASE(a_place_granted_to_one_who_was_destroyed_comes_back)
{
    slots places(1);
    {
        asio::io_context io;
        slots::lease first;
        asio::co_spawn(io, places.async_acquire(), [&](std::exception_ptr, slots::lease l) { first = std::move(l); });
        asio::co_spawn(io, places.async_acquire(), [&](std::exception_ptr, slots::lease) {});
        asio::co_spawn(io, places.async_acquire(), [&](std::exception_ptr, slots::lease) {});
        io.poll();
        first = slots::lease();
    }
    BOOST_TEST(places.unused());
}

BOOST_AUTO_TEST_CASE(the_systems_clock_waits_and_can_be_cancelled)
{
    asio::io_context io;
    const auto clock = system_clock();
    const auto before = std::chrono::system_clock::now();
    const auto told = clock->now();
    BOOST_TEST((before <= told && told <= std::chrono::system_clock::now()));
    asio::cancellation_signal signal;
    bool waited = false;
    bool cancelled = false;
    asio::co_spawn(io, clock->async_wait(20ms), [&](std::exception_ptr e) { waited = !e; });
    asio::co_spawn(io, clock->async_wait(1h),
        asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e) { cancelled = e != nullptr; }));
    while (!waited && io.run_one_for(30s) != 0) {
    }
    BOOST_TEST(waited);
    BOOST_TEST(!cancelled);
    signal.emit(asio::cancellation_type::terminal);
    io.run();
    BOOST_TEST(cancelled);
}

BOOST_AUTO_TEST_CASE(random_numbers_differ)
{
    const auto random = system_random();
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 100; ++i)
        seen.insert(random());
    BOOST_TEST(seen.size() == 100u);
}

BOOST_AUTO_TEST_SUITE_END()
