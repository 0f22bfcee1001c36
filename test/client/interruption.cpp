#include "client/bench.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>

using namespace acme;
using namespace acme::test;
using fate = scripted_transport::fate;

namespace {

asio::awaitable<certificate_ptr> obtain_cold(client& c, responder& r)
{
    const account_request nobody;
    co_await c.async_new_account(nobody);
    obtain_request request = request_for({"a.example.com", "b.example.com"});
    co_return co_await c.async_obtain(std::move(request), r);
}

std::size_t requests_of_a_calm_run()
{
    bench b;
    client c(b.options());
    b.run(obtain_cold(c, b.responder));
    return b.net->requests.size();
}

// Runs one handler, or lets time jump where there is none; false where neither is possible.
bool step(bench& b, asio::io_context& io)
{
    return io.poll_one() > 0 || b.clock->advance_to_next();
}

} // namespace

BOOST_AUTO_TEST_SUITE(client_interruption)

BOOST_AUTO_TEST_CASE(any_one_request_may_get_lost)
{
    const std::size_t calm = requests_of_a_calm_run();
    BOOST_TEST(calm >= 15u);
    std::size_t survived = 0;
    for (const fate f : {fate::lose_request, fate::lose_answer}) {
        for (std::size_t n = 0; n < calm; ++n) {
            BOOST_TEST_CONTEXT("request " << n)
            {
                bench b;
                b.net->decide = [&](std::size_t number, const https_request&) {
                    return number == n ? f : fate::deliver;
                };
                client c(b.options());
                const auto e = b.failure_of(obtain_cold(c, b.responder));
                check_clean(b);
                BOOST_TEST(b.ca.state().orders.size() <= 1u);
                BOOST_TEST(b.ca.state().certificates.size() <= 1u);
                survived += e ? 0 : 1;
                if (e) {
                    BOOST_TEST(!e->step().empty());
                    BOOST_TEST(e->code() == asio::error::connection_reset);
                }
                // Nothing of it hampers the next attempt of the same client.
                BOOST_TEST(b.run(obtain_cold(c, b.responder))->names().size() == 2u);
                check_clean(b);
            }
        }
    }
    // Only the directory, the nonce, newAccount and newOrder are not asked for again.
    BOOST_TEST(survived == 2 * (calm - 4));
}

BOOST_AUTO_TEST_CASE(a_ca_in_trouble_at_any_one_request)
{
    const std::size_t calm = requests_of_a_calm_run();
    for (std::size_t n = 0; n < calm; ++n) {
        bench b;
        b.net->rewrite = [&](std::size_t number, const https_request&, https_response& a) {
            if (number == n)
                a = problem_answer(500, "serverInternal", "out of order");
        };
        client c(b.options());
        const auto e = b.failure_of(obtain_cold(c, b.responder));
        if (e)
            BOOST_TEST(e->code() == errc::server_internal);
        check_clean(b);
        BOOST_TEST(b.ca.state().certificates.size() == (e ? 0u : 1u));
    }
}

BOOST_AUTO_TEST_CASE(the_line_may_stay_dead_from_any_request_on)
{
    const std::size_t calm = requests_of_a_calm_run();
    for (std::size_t n = 0; n < calm; ++n) {
        bench b;
        b.net->decide = [&](std::size_t number, const https_request&) {
            return number < n ? fate::deliver : fate::lose_request;
        };
        client c(b.options());
        const auto e = b.failure_of(obtain_cold(c, b.responder));
        BOOST_REQUIRE(e);
        BOOST_TEST(e->code() == asio::error::connection_reset);
        BOOST_TEST(b.net->requests.size() <= n + 10);
        check_clean(b);
    }
}

BOOST_AUTO_TEST_CASE(a_certificate_can_be_obtained_though_every_third_nonce_is_refused)
{
    bench b;
    client c(b.options());
    b.net->decide = [&](std::size_t number, const https_request&) {
        b.refuse_nonces(number % 3 == 0 ? 1 : 0);
        return fate::deliver;
    };
    b.run(obtain_cold(c, b.responder));
    BOOST_TEST(b.net->count("HEAD") == 1u);
}

BOOST_AUTO_TEST_CASE(cancellation_after_any_handler_cleans_up)
{
    bool finished = false;
    std::size_t after = 0;
    for (; !finished && after < 5'000; ++after) {
        bench b;
        client c(b.options());
        asio::cancellation_signal signal;
        std::exception_ptr failure;
        bool ended = false;
        asio::co_spawn(b.io, obtain_cold(c, b.responder),
            asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e, certificate_ptr) {
                failure = e;
                ended = true;
            }));
        for (std::size_t i = 0; i < after && !ended; ++i)
            step(b, b.io);
        finished = ended;
        signal.emit(asio::cancellation_type::terminal);
        const auto before = b.clock->elapsed();
        b.clock->run(b.io, [&] { return ended; });
        // Nothing is waited for once it is cancelled.
        BOOST_TEST((b.clock->elapsed() == before));
        if (failure) {
            try {
                std::rethrow_exception(failure);
            } catch (const boost::system::system_error& e) {
                BOOST_TEST(e.code() == asio::error::operation_aborted);
            }
        }
        BOOST_TEST((failure != nullptr || ended));
        check_clean(b);
    }
    BOOST_TEST(finished);
    BOOST_TEST(after > 40u);
}

BOOST_AUTO_TEST_CASE(destruction_after_any_handler_cleans_up)
{
    bool finished = false;
    for (std::size_t after = 0; !finished && after < 5'000; ++after) {
        bench b;
        client c(b.options());
        auto io = std::make_unique<asio::io_context>();
        asio::co_spawn(*io, obtain_cold(c, b.responder), [&](std::exception_ptr, certificate_ptr) { finished = true; });
        for (std::size_t i = 0; i < after && !finished; ++i)
            step(b, *io);
        io.reset();
        check_clean(b);
    }
    BOOST_TEST(finished);
}

BOOST_AUTO_TEST_SUITE_END()
