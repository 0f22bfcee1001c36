#include "manager/world.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/test/unit_test.hpp>

namespace acme::test {
namespace {

using std::chrono::hours;

BOOST_AUTO_TEST_SUITE(notifications)

struct subscription
{
    unsigned received = 0;
    boost::system::error_code ended;
    watcher from;

    explicit subscription(server_process& p)
        : from(p.manager->watch())
    {
        boost::asio::co_spawn(p.io, run(), boost::asio::detached);
    }

    boost::asio::awaitable<void> run()
    {
        try {
            for (;;) {
                co_await from.async_receive();
                ++received;
            }
        } catch (const error& e) {
            ended = e.code();
        }
    }
};

BOOST_AUTO_TEST_CASE(each_change_of_the_state_is_told)
{
    world w;
    subscription s(w);
    w.settle();
    BOOST_TEST(s.received == 1U);

    auto before = s.received;
    w.await(w.manager->async_register(""));
    w.settle();
    BOOST_TEST(s.received > before);

    before = s.received;
    w.get("a.example.com");
    w.settle();
    BOOST_TEST(s.received > before);

    before = s.received;
    w.manager->set_hosts({"a.example.com"});
    w.settle();
    BOOST_TEST(s.received == before + 1);

    before = s.received;
    w.manager->unmarshal(w.manager->marshal());
    w.settle();
    BOOST_TEST(s.received > before);

    before = s.received;
    w.run_until([&] { return w.told<certificate_obtained>().size() == 2; });
    w.settle();
    BOOST_TEST(s.received > before);

    // What changes nothing tells nothing.
    before = s.received;
    w.get("a.example.com");
    w.refusal("b.example.com");
    w.refusal("localhost");
    w.pass(hours(24));
    BOOST_TEST(s.received == before);
    BOOST_TEST(!s.ended);
}

BOOST_AUTO_TEST_CASE(the_last_notification_comes_after_the_last_change)
{
    world w;
    std::string last;
    watcher changes = w.manager->watch();
    auto save = [&]() -> boost::asio::awaitable<void> {
        for (;;) {
            co_await changes.async_receive();
            last = w.manager->marshal();
        }
    };
    boost::asio::co_spawn(w.io, save(), boost::asio::detached);
    for (int n = 0; n < 5; ++n) {
        w.get(host_number(n));
        w.settle();
        BOOST_TEST(last == w.manager->marshal());
    }
    w.await(w.manager->async_shutdown());
    w.settle();
    BOOST_TEST(last == w.manager->marshal());
}

BOOST_AUTO_TEST_CASE(the_managers_end_is_told)
{
    world w;
    subscription s(w);
    w.settle();
    w.await(w.manager->async_shutdown());
    w.settle();
    BOOST_TEST((s.ended == errc::shut_down));

    world v;
    subscription t(v);
    v.settle();
    v.manager.reset();
    v.settle();
    BOOST_TEST((t.ended == errc::shut_down));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
