#include "manager/weather.hpp"

#include <boost/test/unit_test.hpp>

/// The end of a manager.
namespace acme::test {
namespace {

BOOST_AUTO_TEST_SUITE(end)

BOOST_AUTO_TEST_CASE(a_store_that_does_not_answer_holds_nothing_up_for_long)
{
    weather w;
    w.use_disk();
    w.obtain(100);
    auto watching = w.manager->watch();
    w.await(watching.async_receive());
    w.disk->inject(store_fault(operation::any).always().stall());
    w.manager->unmarshal(w.manager->marshal());
    w.settle();
    w.await(watching.async_receive());
    const auto told = w.start(watching.async_receive());
    const auto began = w.clock->elapsed();
    const auto ended = w.start(w.manager->async_shutdown());
    w.settle();
    BOOST_TEST((told->code() == errc::shut_down));
    BOOST_TEST(!ended->done);
    w.pass(seconds(5));
    const auto again = w.start(w.manager->async_shutdown());
    w.run_until([&] { return again->done; });
    BOOST_TEST(ended->done);
    BOOST_TEST(!ended->failure);
    BOOST_TEST(!again->failure);
    BOOST_TEST((w.clock->elapsed() - began <= seconds(15)));
    BOOST_TEST(w.told<save_failed>().size() >= 100U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
