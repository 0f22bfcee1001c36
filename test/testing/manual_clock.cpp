#include "testing/rig.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <random>

namespace acme::test {
namespace {

struct waits
{
    asio::io_context io;
    manual_clock clock;
    std::vector<int> ended;

    void wait(manual_clock::duration d, int number)
    {
        asio::co_spawn(io, clock.async_wait(d), [this, number](std::exception_ptr e) {
            if (!e)
                ended.push_back(number);
        });
    }
    void settle()
    {
        io.restart();
        io.poll();
    }
};

BOOST_AUTO_TEST_SUITE(clock)

BOOST_FIXTURE_TEST_CASE(time_passes_only_by_hand, waits)
{
    wait(2h, 2);
    wait(1h, 1);
    wait(0s, 0);
    settle();
    BOOST_TEST(ended == std::vector<int>{0}, boost::test_tools::per_element());
    BOOST_TEST(clock.waiting() == 2u);
    clock.set(manual_clock::default_start + 24h);
    settle();
    BOOST_TEST(ended.size() == 1u);
    clock.advance(1h);
    settle();
    BOOST_TEST(ended.size() == 2u);
    BOOST_TEST(clock.advance_to_next());
    settle();
    BOOST_TEST((ended == std::vector<int>{0, 1, 2}));
    BOOST_TEST((clock.elapsed() == 2h));
    BOOST_TEST((clock.now() == manual_clock::default_start + 26h));
    BOOST_TEST(!clock.advance_to_next());
}

BOOST_FIXTURE_TEST_CASE(a_wait_is_cancelled, waits)
{
    asio::cancellation_signal cancel;
    std::exception_ptr failure;
    asio::co_spawn(io, clock.async_wait(1h),
        asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr e) { failure = e; }));
    settle();
    cancel.emit(asio::cancellation_type::terminal);
    settle();
    BOOST_TEST(bool(failure));
    BOOST_TEST(clock.waiting() == 0u);
}

BOOST_FIXTURE_TEST_CASE(the_longest_wait_there_is_overflows_nothing, waits)
{
    clock.advance(1h);
    wait(manual_clock::duration::max(), 1);
    settle();
    BOOST_TEST(ended.empty());
    BOOST_TEST(clock.waiting() == 1u);
}

BOOST_AUTO_TEST_CASE(waits_may_end_with_their_context)
{
    manual_clock c;
    {
        asio::io_context io;
        asio::co_spawn(io, c.async_wait(1h), [](std::exception_ptr) {});
        io.poll();
        BOOST_TEST(c.waiting() == 1u);
    }
    BOOST_TEST(c.waiting() == 0u);
    c.advance(2h);
}

BOOST_FIXTURE_TEST_CASE(a_hundred_thousand_wait, waits)
{
    constexpr int many = 100'000;
    std::mt19937 random(1);
    for (int i = 0; i < many; ++i)
        wait(std::chrono::seconds(1 + random() % 1'000'000), i);
    settle();
    BOOST_TEST(clock.waiting() == static_cast<std::size_t>(many));
    clock.run(io, {}, 0ms);
    BOOST_TEST(ended.size() == static_cast<std::size_t>(many));
    BOOST_TEST((clock.elapsed() <= 1'000'000s));
}

BOOST_AUTO_TEST_CASE(threads_wait_and_move_it)
{
    asio::thread_pool pool(3);
    manual_clock c;
    std::vector<std::future<void>> all;
    for (int i = 0; i < 300; ++i)
        all.push_back(asio::co_spawn(pool, c.async_wait(std::chrono::seconds(i)), asio::use_future));
    for (auto& one : all)
        while (one.wait_for(1ms) != std::future_status::ready)
            c.advance(100s);
    BOOST_TEST(c.waiting() == 0u);
}

BOOST_AUTO_TEST_CASE(randomness_repeats_itself)
{
    const auto a = testing::seeded_random(7);
    const auto b = testing::seeded_random(7);
    const auto first = a();
    BOOST_TEST(first == b());
    BOOST_TEST(a() == b());
    BOOST_TEST(testing::seeded_random(8)() != first);
    BOOST_TEST(testing::constant_random(5)() == 5u);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
