#include "manager/watch.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <optional>
#include <thread>
#include <vector>

namespace acme::test {
namespace {

namespace asio = boost::asio;

struct receiver
{
    unsigned received = 0;
    std::optional<boost::system::error_code> ended;
};

// As a subscriber would: one receive after the other, until it ends.
asio::awaitable<void> receive_all(std::shared_ptr<notification_channel> c, receiver& r)
{
    for (;;) {
        try {
            co_await notification_channel::async_receive(c);
        } catch (const error& e) {
            r.ended = e.code();
            co_return;
        }
        ++r.received;
    }
}

asio::awaitable<void> receive_once(std::shared_ptr<notification_channel> c, receiver& r)
{
    try {
        co_await notification_channel::async_receive(c);
        ++r.received;
    } catch (const error& e) {
        r.ended = e.code();
    }
}

void turn(asio::io_context& io)
{
    io.restart();
    io.poll();
}

BOOST_AUTO_TEST_SUITE(watching)

BOOST_AUTO_TEST_CASE(the_first_receive_completes_at_once_and_the_next_waits)
{
    watch_list list;
    const auto c = list.subscribe();
    asio::io_context io;
    receiver r;
    asio::co_spawn(io, receive_all(c, r), asio::detached);
    turn(io);
    BOOST_TEST(r.received == 1U);
    list.notify();
    turn(io);
    BOOST_TEST(r.received == 2U);
    turn(io);
    BOOST_TEST(r.received == 2U);
    BOOST_TEST(!r.ended);
}

BOOST_AUTO_TEST_CASE(notifications_in_between_coalesce_into_one)
{
    watch_list list;
    const auto c = list.subscribe();
    for (int n = 0; n < 100; ++n)
        list.notify();
    asio::io_context io;
    receiver r;
    asio::co_spawn(io, receive_all(c, r), asio::detached);
    turn(io);
    BOOST_TEST(r.received == 1U);
    for (int n = 0; n < 100; ++n)
        list.notify();
    turn(io);
    BOOST_TEST(r.received >= 2U);
    BOOST_TEST(r.received <= 3U);
}

BOOST_AUTO_TEST_CASE(every_subscriber_hears_every_change)
{
    watch_list list;
    asio::io_context io;
    receiver receivers[3];
    for (auto& r : receivers)
        asio::co_spawn(io, receive_all(list.subscribe(), r), asio::detached);
    turn(io);
    for (int n = 0; n < 5; ++n) {
        list.notify();
        turn(io);
    }
    for (auto& r : receivers)
        BOOST_TEST(r.received == 6U);
}

BOOST_AUTO_TEST_CASE(a_subscriber_that_left_costs_nothing)
{
    watch_list list;
    auto c = list.subscribe();
    std::weak_ptr<notification_channel> left = c;
    c.reset();
    BOOST_TEST(left.expired());
    list.notify();
    list.close();
}

BOOST_AUTO_TEST_CASE(what_was_notified_before_the_end_is_received_before_it)
{
    watch_list list;
    const auto c = list.subscribe();
    list.close();
    asio::io_context io;
    receiver r;
    asio::co_spawn(io, receive_all(c, r), asio::detached);
    turn(io);
    BOOST_TEST(r.received == 1U);
    BOOST_REQUIRE(r.ended);
    BOOST_TEST((*r.ended == errc::shut_down));
}

BOOST_AUTO_TEST_CASE(the_end_reaches_who_waits_and_who_comes_later)
{
    watch_list list;
    asio::io_context io;
    receiver waiting;
    asio::co_spawn(io, receive_all(list.subscribe(), waiting), asio::detached);
    turn(io);
    BOOST_TEST(!waiting.ended);
    list.close();
    list.close();
    turn(io);
    BOOST_REQUIRE(waiting.ended);
    BOOST_TEST((*waiting.ended == errc::shut_down));
    receiver late;
    asio::co_spawn(io, receive_all(list.subscribe(), late), asio::detached);
    turn(io);
    BOOST_TEST(late.received == 1U);
    BOOST_REQUIRE(late.ended);
    BOOST_TEST((*late.ended == errc::shut_down));
}

BOOST_AUTO_TEST_CASE(cancelling_a_receive_loses_no_notification)
{
    watch_list list;
    const auto c = list.subscribe();
    asio::io_context io;
    receiver first;
    asio::co_spawn(io, receive_once(c, first), asio::detached);
    turn(io);
    BOOST_TEST(first.received == 1U);

    asio::cancellation_signal cancel;
    receiver cancelled;
    asio::co_spawn(io, receive_once(c, cancelled), asio::bind_cancellation_slot(cancel.slot(), asio::detached));
    turn(io);
    cancel.emit(asio::cancellation_type::terminal);
    turn(io);
    BOOST_REQUIRE(cancelled.ended);
    BOOST_TEST((*cancelled.ended == asio::error::operation_aborted));

    // Between two receives.
    list.notify();
    receiver next;
    asio::co_spawn(io, receive_once(c, next), asio::detached);
    turn(io);
    BOOST_TEST(next.received == 1U);
}

BOOST_AUTO_TEST_CASE(a_cancellation_that_meets_a_notification_loses_neither)
{
    for (bool notify_first : {true, false}) {
        watch_list list;
        const auto c = list.subscribe();
        asio::io_context io;
        receiver all;
        asio::co_spawn(io, receive_once(c, all), asio::detached);
        turn(io);
        asio::cancellation_signal cancel;
        asio::co_spawn(io, receive_once(c, all), asio::bind_cancellation_slot(cancel.slot(), asio::detached));
        turn(io);
        if (notify_first)
            list.notify();
        cancel.emit(asio::cancellation_type::terminal);
        if (!notify_first)
            list.notify();
        turn(io);
        // Whoever got it: the cancelled receive, or the one after it.
        asio::co_spawn(io, receive_once(c, all), asio::detached);
        turn(io);
        BOOST_TEST(all.received == 2U);
    }
}

BOOST_AUTO_TEST_CASE(a_channel_outlives_its_receiver_and_its_context)
{
    watch_list list;
    const auto c = list.subscribe();
    receiver r;
    {
        asio::io_context io;
        asio::co_spawn(io, receive_all(c, r), asio::detached);
        turn(io);
    }
    list.notify();
    asio::io_context io;
    asio::co_spawn(io, receive_once(c, r), asio::detached);
    turn(io);
    BOOST_TEST(r.received == 2U);
}

// The last change is never missed, however threads interleave.
BOOST_AUTO_TEST_CASE(the_last_of_many_changes_from_many_threads_is_seen)
{
    for (int round = 0; round < 30; ++round) {
        watch_list list;
        std::atomic<int> version = 0;
        std::atomic<int> seen = -1;
        const auto c = list.subscribe();
        asio::thread_pool pool(2);
        auto watch = [&]() -> asio::awaitable<void> {
            try {
                for (;;) {
                    co_await notification_channel::async_receive(c);
                    seen = version.load();
                }
            } catch (const error&) {
            }
        };
        asio::co_spawn(asio::make_strand(pool), watch, asio::detached);
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; ++t)
            threads.emplace_back([&] {
                for (int n = 0; n < 200; ++n) {
                    ++version;
                    list.notify();
                }
            });
        for (auto& t : threads)
            t.join();
        list.close();
        pool.join();
        BOOST_TEST(seen == 600);
    }
}

BOOST_AUTO_TEST_CASE(receives_are_cancelled_from_their_strand_while_others_notify)
{
    watch_list list;
    const auto c = list.subscribe();
    asio::thread_pool pool(2);
    const auto strand = asio::make_strand(pool);
    receiver r;
    unsigned cancelled = 0;
    std::atomic<bool> stop = false;
    std::thread noise([&] {
        while (!stop)
            list.notify();
    });
    for (int n = 0; n < 500; ++n) {
        asio::cancellation_signal cancel;
        std::promise<void> finished;
        auto done = [&](std::exception_ptr) { finished.set_value(); };
        asio::co_spawn(strand, receive_once(c, r), asio::bind_cancellation_slot(cancel.slot(), done));
        asio::post(strand, [&] { cancel.emit(asio::cancellation_type::terminal); });
        finished.get_future().wait();
        std::promise<void> emitted;
        asio::post(strand, [&] { emitted.set_value(); });
        emitted.get_future().wait();
        cancelled += r.ended ? 1U : 0U;
        r.ended.reset();
    }
    stop = true;
    noise.join();
    pool.join();
    BOOST_TEST(r.received + cancelled == 500U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
