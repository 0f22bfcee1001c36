#include "transport/wire.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/test/unit_test.hpp>

using namespace acme;
using namespace acme::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(transport_interruption)

BOOST_AUTO_TEST_CASE(cancellation_after_any_handler_ends_the_exchange_at_once)
{
    bool finished = false;
    std::size_t after = 0;
    for (; !finished && after < 1'000; ++after) {
        wire w;
        w.serve(http_answer("{}"));
        asio::cancellation_signal signal;
        std::exception_ptr failure;
        bool ended = false;
        asio::co_spawn(w.io, w.get("/", "localhost"),
            asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e, https_response) {
                failure = e;
                ended = true;
            }));
        for (std::size_t i = 0; i < after && !ended; ++i)
            w.io.run_one();
        finished = ended;
        signal.emit(asio::cancellation_type::terminal);
        w.run_until([&] { return ended; });
        if (failure) {
            try {
                std::rethrow_exception(failure);
            } catch (const boost::system::system_error& e) {
                BOOST_TEST(e.code() == asio::error::operation_aborted);
            }
        }
        // Whatever state it left, the next exchange works.
        BOOST_TEST(w.run(w.get()).status == 200u);
    }
    BOOST_TEST(finished);
    BOOST_TEST(after > 5u);
}

BOOST_AUTO_TEST_CASE(cancellation_after_any_handler_ends_what_nothing_else_would_end)
{
    bool asked = false;
    std::size_t after = 0;
    for (; !asked && after < 1'000; ++after) {
        wire w;
        w.options.connect_timeout = w.options.exchange_timeout = 1h;
        w.serve([&](tls_stream& s, std::size_t) -> asio::awaitable<void> {
            co_await w.server->async_read_request(s);
            co_await w.server->async_read_request(s);
        });
        asio::cancellation_signal signal;
        std::exception_ptr failure;
        asio::co_spawn(w.io, w.get("/", "localhost"),
            asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e, https_response) { failure = e; }));
        for (std::size_t i = 0; i < after && !asked; ++i) {
            w.io.run_one();
            asked = !w.server->requests.empty();
        }
        signal.emit(asio::cancellation_type::terminal);
        w.run_until([&] { return failure != nullptr; });
        try {
            std::rethrow_exception(failure);
        } catch (const boost::system::system_error& e) {
            BOOST_TEST(e.code() == asio::error::operation_aborted);
        }
    }
    BOOST_TEST(asked);
    BOOST_TEST(after > 5u);
}

BOOST_AUTO_TEST_CASE(destruction_after_any_handler_leaves_nothing)
{
    bool finished = false;
    for (std::size_t after = 0; !finished && after < 1'000; ++after) {
        wire w;
        w.serve(http_answer("{}"));
        asio::co_spawn(w.io, w.get(), [&](std::exception_ptr, https_response) { finished = true; });
        asio::co_spawn(w.io, w.get(), [](std::exception_ptr, https_response) {});
        for (std::size_t i = 0; i < after && !finished; ++i)
            w.io.run_one();
    }
    BOOST_TEST(finished);
}

BOOST_AUTO_TEST_SUITE_END()
