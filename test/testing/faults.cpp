#include "testing/rig.hpp"

#include <acme/manager.hpp>

#include <boost/asio/error.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace acme::test {
namespace {

struct registered : rig
{
    registered()
        : rig()
        , c(options())
    {
        run(c.async_new_account(account_request()));
        ca.clear_requests();
    }

    client c;
};

std::string last_fault(const testing::ca& ca)
{
    const auto all = ca.requests();
    const auto hit = std::find_if(all.rbegin(), all.rend(), [](const auto& r) { return !r.fault.empty(); });
    return hit == all.rend() ? std::string() : hit->fault;
}

BOOST_AUTO_TEST_SUITE(faults)

BOOST_AUTO_TEST_CASE(a_fault_befalls_the_requests_that_it_is_told_to)
{
    testing::request_record finalize;
    finalize.step = step::finalize;
    testing::request_record poll;
    poll.step = step::order;
    at when = at(step::finalize).nth(2).times(3);
    std::string seen;
    for (int i = 0; i < 6; ++i) {
        BOOST_TEST(!when.count(poll));
        seen += when.count(finalize) ? 'x' : '.';
    }
    BOOST_TEST(seen == ".xxx..");
    at any = at(step::any).always().where([](const auto& r) { return r.step == step::order; });
    BOOST_TEST(!any.count(finalize));
    BOOST_TEST(any.count(poll));
}

BOOST_FIXTURE_TEST_CASE(refused_nonces_are_replaced, registered)
{
    ca.inject(at(step::any).times(2), fault::bad_nonce());
    BOOST_TEST(obtain(c));
    BOOST_TEST(ca.count(step::new_order, 400) == 2u);
    BOOST_TEST(ca.count(step::new_order, 201) == 1u);
}

// What a plain client sees of each fault at newOrder.
BOOST_AUTO_TEST_CASE(each_refusal_has_its_code)
{
    const std::vector<std::pair<fault, errc>> rows{
        {fault::rate_limited(120s), errc::rate_limited},
        {fault::rate_limited_until(120s), errc::rate_limited},
        {fault::paused(), errc::rate_limited},
        {fault::http_error(503), errc::unknown_problem},
        {fault::server_internal(), errc::server_internal},
        {fault::account_unknown(), errc::account_does_not_exist},
        {fault::terms_changed(), errc::user_action_required},
        {fault::already_replaced(), errc::already_replaced},
        {fault::problem(403, "rejectedIdentifier"), errc::rejected_identifier},
        {fault::oversized(), errc::answer_too_large},
        {fault::garbage(), errc::unexpected_answer},
        {fault::garbage("application/json"), errc::unexpected_answer},
    };
    for (const auto& [what, code] : rows) {
        registered r;
        r.ca.inject(at(step::new_order), what);
        const auto e = r.failure_of(r.c.async_new_order(rig::request().order));
        BOOST_REQUIRE_MESSAGE(e, what.name());
        BOOST_TEST((e->code() == code), what.name() << ": " << e->what());
        BOOST_TEST(last_fault(r.ca) == what.name());
        BOOST_TEST(!r.failure_of(r.c.async_new_order(rig::request().order)));
    }
}

BOOST_AUTO_TEST_CASE(retry_after_comes_in_both_forms)
{
    for (const fault& what :
        {fault::rate_limited(120s), fault::rate_limited_until(120s), fault::http_error(503, 120s)}) {
        registered r;
        r.ca.inject(at(step::new_order), what);
        const auto e = r.failure_of(r.c.async_new_order(rig::request().order));
        BOOST_REQUIRE(e);
        BOOST_TEST((e->problem()->retry_after == r.clock->now() + 120s), what.name());
    }
}

BOOST_FIXTURE_TEST_CASE(a_paused_account_is_told_where_to_go, registered)
{
    ca.inject(at(step::new_order), fault::paused("https://ca.test/unpause?jwt=abc"));
    const auto e = failure_of(c.async_new_order(request().order));
    BOOST_TEST(e.value().problem()->detail.find("https://ca.test/unpause?jwt=abc") != std::string::npos);
    BOOST_TEST(!e.value().problem()->retry_after);
    ca.inject(at(step::new_order), fault::terms_changed("https://ca.test/terms/v7"));
    BOOST_TEST(
        failure_of(c.async_new_order(request().order)).value().problem()->instance == "https://ca.test/terms/v7");
}

BOOST_AUTO_TEST_CASE(a_lost_connection_loses_the_request_or_the_answer)
{
    for (const bool after : {false, true}) {
        registered r;
        r.ca.inject(at(step::new_order), after ? fault::reset_after() : fault::reset_before());
        const auto e = r.failure_of(r.c.async_new_order(rig::request().order));
        BOOST_TEST((e.value().code() == asio::error::connection_reset));
        BOOST_TEST(r.ca.state().orders.size() == (after ? 1u : 0u));
        BOOST_TEST(r.ca.count(step::new_order, 0) == 1u);
    }
    registered r;
    r.ca.inject(at(step::new_order), fault::truncated());
    BOOST_TEST((r.failure_of(r.c.async_new_order(rig::request().order)).value().code() == asio::error::eof));
}

BOOST_FIXTURE_TEST_CASE(a_stalled_answer_never_comes, registered)
{
    ca.inject(at(step::new_order), fault::stall());
    bool done = false;
    asio::co_spawn(io, c.async_new_order(request().order), [&](std::exception_ptr, order) { done = true; });
    io.restart();
    io.poll();
    BOOST_TEST(!done);
    BOOST_TEST(ca.state().orders.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(an_order_is_stuck_in_processing, registered)
{
    ca.inject(at(step::finalize), fault::stuck_processing());
    auto r = request();
    r.timeout = 300s;
    BOOST_TEST((refusal(c, r).value().code() == errc::timed_out));
    BOOST_TEST(ca.state().certificates.empty());
    BOOST_TEST(ca.count(step::order) > 5u);
    BOOST_TEST(obtain(c));
}

BOOST_AUTO_TEST_CASE(an_order_becomes_invalid_where_it_is_told_to)
{
    for (const step s : {step::new_order, step::order, step::finalize}) {
        registered r;
        r.ca.state().options.issuance_polls = 1;
        r.ca.inject(at(s), fault::order_invalid("caa", "CAA forbids it"));
        const auto e = r.refusal(r.c);
        BOOST_REQUIRE(e);
        BOOST_TEST((e->code() == errc::order_invalid));
        BOOST_TEST((e->problem()->code() == errc::caa));
        BOOST_TEST(r.obtain(r.c));
    }
}

BOOST_AUTO_TEST_CASE(wrong_certificates_are_issued_or_delivered)
{
    for (const step s : {step::new_order, step::finalize, step::certificate})
        for (const fault& what : {fault::wrong_key(), fault::wrong_names(), fault::expired(), fault::not_yet_valid(),
                 fault::unordered_chain()}) {
            registered r;
            // Also where an alternate chain is asked for.
            r.ca.inject(at(s).always(), what);
            const auto e = r.refusal(r.c);
            r.ca.clear_faults();
            BOOST_REQUIRE_MESSAGE(e, what.name() << " at " << to_string(s));
            BOOST_TEST((e->code() == errc::certificate_rejected), what.name() << ": " << e->what());
            BOOST_TEST(r.obtain(r.c));
        }
}

BOOST_FIXTURE_TEST_CASE(a_directory_moves, registered)
{
    BOOST_TEST(obtain(c));
    const auto before = run(c.async_directory());
    ca.inject(at(step::new_order), fault::directory_moved());
    const auto e = failure_of(c.async_new_order(request().order));
    BOOST_TEST(ca.count(step::new_order, 404) > 0u);
    BOOST_TEST((!e || e->problem()->status == 404u));
    client fresh(options());
    BOOST_TEST(run(fresh.async_directory()).new_order != before.new_order);
    run(fresh.async_new_account(account_request()));
    BOOST_TEST(obtain(fresh));
}

// Whatever befalls a manager, it has its certificate in the end.
BOOST_AUTO_TEST_CASE(a_manager_outlives_each_of_them)
{
    const std::vector<fault> all{fault::bad_nonce(), fault::rate_limited(120s), fault::rate_limited_until(120s),
        fault::http_error(502), fault::server_internal(), fault::account_unknown(), fault::reset_before(),
        fault::reset_after(), fault::truncated(), fault::oversized(), fault::garbage()};
    for (const step s : {step::directory, step::new_nonce, step::new_account, step::new_order, step::authorization,
             step::challenge, step::finalize, step::certificate})
        for (const fault& what : all) {
            rig r;
            r.ca.inject(at(s), what);
            config o;
            o.directory_url = r.ca.directory_url();
            o.transport = r.ca.transport();
            o.clock = r.clock;
            o.random = testing::seeded_random(1);
            manager m(r.io.get_executor(), o);
            certificate_ptr got;
            for (int attempt = 0; attempt < 3 && !got; ++attempt) {
                r.failure_of(
                    [&]() -> asio::awaitable<void> { got = co_await m.async_get_certificate("www.example.com"); }());
                if (!got)
                    r.run(r.clock->async_wait(25h));
            }
            BOOST_TEST(got, what.name() << " at " << to_string(s));
        }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
