#include "store/worker.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace acme::test {

BOOST_AUTO_TEST_SUITE(worker_thread)

BOOST_AUTO_TEST_CASE(jobs_run_in_order_on_one_other_thread)
{
    std::vector<int> order;
    std::vector<std::thread::id> threads;
    {
        worker w;
        for (int i = 0; i < 1000; ++i)
            w.post([&, i] {
                order.push_back(i);
                threads.push_back(std::this_thread::get_id());
            });
    }
    BOOST_TEST_REQUIRE(order.size() == 1000U);
    BOOST_TEST(std::is_sorted(order.begin(), order.end()));
    for (const auto& id : threads)
        BOOST_TEST((id == threads.front() && id != std::this_thread::get_id()));
}

BOOST_AUTO_TEST_CASE(destruction_waits_for_what_was_posted)
{
    std::atomic<bool> finished = false;
    {
        worker w;
        w.post([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            finished = true;
        });
    }
    BOOST_TEST(finished);
}

BOOST_AUTO_TEST_CASE(a_job_may_destroy_its_own_worker)
{
    std::promise<void> destroyed;
    auto w = std::make_shared<worker>();
    worker& before = *w;
    before.post([&, w = std::move(w)]() mutable {
        w.reset();
        destroyed.set_value();
    });
    BOOST_TEST((destroyed.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready));
}

BOOST_AUTO_TEST_CASE(what_was_posted_before_runs_after_a_job_destroyed_the_worker)
{
    std::promise<void> go;
    std::promise<void> ran;
    auto w = std::make_shared<worker>();
    worker& before = *w;
    before.post([&go] { go.get_future().wait(); });
    before.post([w = std::move(w)]() mutable { w.reset(); });
    before.post([&ran] { ran.set_value(); });
    go.set_value();
    BOOST_TEST((ran.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready));
}

BOOST_AUTO_TEST_CASE(the_thread_takes_no_signals)
{
    std::promise<int> blocked;
    worker w;
    w.post([&] {
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        blocked.set_value(sigismember(&mask, SIGTERM) + sigismember(&mask, SIGXFSZ));
    });
    BOOST_TEST(blocked.get_future().get() == 2);
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    BOOST_TEST(sigismember(&mask, SIGTERM) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
