#include "testing/rig.hpp"

#include <acme/manager.hpp>
#include <acme/testing/store.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/test/unit_test.hpp>

namespace acme::test {
namespace {

using testing::faulty_store;
using testing::operation;
using testing::store_fault;

struct disk : rig
{
    std::shared_ptr<faulty_store> store = std::make_shared<faulty_store>();
};

BOOST_AUTO_TEST_SUITE(store)

BOOST_FIXTURE_TEST_CASE(without_a_fault_it_is_the_store_behind, disk)
{
    run(store->async_save("a/1", "one"));
    run(store->async_save("a/2", "two"));
    BOOST_TEST(run(store->async_load("a/1")).value() == "one");
    BOOST_TEST(run(store->async_list("a/")).size() == 2u);
    run(store->async_erase("a/1"));
    BOOST_TEST(!run(store->behind()->async_load("a/1")));
    BOOST_TEST(run(store->async_lock("a")));
    BOOST_TEST(store->count(operation::save) == 2u);
    BOOST_TEST(store->count(operation::any) == 6u);
    BOOST_TEST(store->operations().back().key == "a");
}

BOOST_FIXTURE_TEST_CASE(it_fails_by_operation_prefix_and_number, disk)
{
    store->inject(store_fault(operation::save).prefix("a/").nth(2));
    BOOST_TEST(!failure_of(store->async_save("a/1", "")));
    BOOST_TEST(!failure_of(store->async_save("b", "")));
    const auto e = failure_of(store->async_save("a/2", ""));
    BOOST_TEST((e.value().code() == boost::system::errc::no_space_on_device));
    BOOST_TEST(e->explanation() == "a/2");
    BOOST_TEST(!run(store->async_load("a/2")));
    BOOST_TEST(!failure_of(store->async_save("a/2", "")));

    const auto denied = make_error_code(boost::system::errc::permission_denied);
    store->inject(store_fault(operation::any).always().with(denied));
    BOOST_TEST((failure_of(store->async_load("x")).value().code() == denied));
    BOOST_TEST((failure_of(store->async_erase("x")).value().code() == denied));
    BOOST_TEST((failure_of(store->async_list("")).value().code() == denied));
    BOOST_TEST((failure_of(store->async_lock("x")).value().code() == denied));
    store->clear_faults();
    BOOST_TEST(!failure_of(store->async_load("x")));
}

BOOST_FIXTURE_TEST_CASE(a_save_may_fail_after_it_was_done, disk)
{
    store->inject(store_fault(operation::save).after());
    BOOST_TEST(failure_of(store->async_save("a", "one")).has_value());
    BOOST_TEST(run(store->async_load("a")).value() == "one");
}

BOOST_FIXTURE_TEST_CASE(a_stalled_operation_goes_on_or_is_cancelled, disk)
{
    store->inject(store_fault(operation::save).times(2).stall());
    asio::cancellation_signal cancel;
    bool first = false;
    std::exception_ptr second;
    asio::co_spawn(io, store->async_save("a", "one"), [&](std::exception_ptr e) { first = !e; });
    asio::co_spawn(io, store->async_save("b", "two"),
        asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr e) { second = e; }));
    io.restart();
    io.poll();
    BOOST_TEST((!first && !second));
    cancel.emit(asio::cancellation_type::terminal);
    io.restart();
    io.poll();
    BOOST_TEST((!first && second));
    store->resume();
    io.restart();
    io.poll();
    BOOST_TEST(first);
    BOOST_TEST(run(store->async_load("a")).value() == "one");
    BOOST_TEST(!run(store->async_load("b")));
}

BOOST_FIXTURE_TEST_CASE(a_manager_serves_on_from_memory, disk)
{
    config o;
    o.directory_url = ca.directory_url();
    o.transport = ca.transport();
    o.clock = clock;
    manager m(io.get_executor(), o);
    run(m.async_use_store(store));
    store->inject(store_fault(operation::save).always());
    certificate_ptr got;
    const auto e =
        failure_of([&]() -> asio::awaitable<void> { got = co_await m.async_get_certificate("www.example.com"); }());
    BOOST_TEST((got || e));
    BOOST_TEST(store->count(operation::save) > 0u);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
