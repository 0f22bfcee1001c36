#include "manager/members.hpp"

#include <boost/test/unit_test.hpp>

/// Validations of challenges that nobody has, where they might be those of other managers.
namespace acme::test {
namespace {

outcome_ptr guess(weather& w, const char* from)
{
    return w.start(w.manager->async_find_challenge("x.example.com", boost::asio::ip::make_address(from)));
}

BOOST_AUTO_TEST_SUITE(guesses)

BOOST_AUTO_TEST_CASE(guesses_that_wait_are_bounded_for_each_client_and_keep_nobody_from_a_certificate)
{
    trio w([](config& c) {
        c.max_waiters = 3;
        c.max_waiters_per_client = 2;
    });
    w.settle();
    std::vector<outcome_ptr> all;
    for (const char* from : {"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"})
        all.push_back(guess(w, from));
    w.settle();
    std::vector<bool> done;
    for (const auto& each : all)
        done.push_back(each->done);
    BOOST_TEST((done == std::vector<bool>{false, false, true, false, true}));
    client_hello hello("a.example.com");
    hello.client_address = boost::asio::ip::make_address("192.0.2.1");
    BOOST_TEST(w.wait(w.start(w.manager->async_get_certificate(hello))));
    const auto begun = w.clock->elapsed();
    for (const auto& each : all)
        BOOST_TEST(!w.wait(each));
    BOOST_TEST((w.clock->elapsed() - begun <= seconds(1)));
    // Their places are free again.
    const auto later = guess(w, "192.0.2.1");
    w.settle();
    BOOST_TEST(!later->done);
}

BOOST_AUTO_TEST_CASE(a_manager_that_is_alone_on_its_store_does_not_wait)
{
    weather w;
    w.use_disk();
    w.settle();
    const auto alone = guess(w, "192.0.2.1");
    w.settle();
    BOOST_TEST(alone->done);
    member second(w);
    second.use(w.disk);
    w.settle();
    const auto of_two = guess(w, "192.0.2.1");
    w.settle();
    BOOST_TEST(!of_two->done);
    w.await(second.manager->async_shutdown());
    w.pass(seconds(1));
    const auto alone_again = guess(w, "192.0.2.1");
    w.settle();
    BOOST_TEST(alone_again->done);
}

BOOST_FIXTURE_TEST_CASE(a_guess_waits_until_the_store_is_seen_to_have_no_such_challenge, pair_with_doors)
{
    const auto begun = clock->elapsed();
    BOOST_TEST(!wait(start(second.manager->async_find_challenge("x.example.com"))));
    await(guess_token(*second.manager));
    BOOST_TEST((clock->elapsed() - begun <= seconds(2)));
    // One that can't be read may have it.
    second_door->cut = true;
    const auto later = clock->elapsed();
    BOOST_TEST(!wait(start(second.manager->async_find_challenge("x.example.com"))));
    BOOST_TEST((clock->elapsed() - later >= seconds(5)));
    BOOST_TEST((clock->elapsed() - later <= seconds(6)));
}

BOOST_FIXTURE_TEST_CASE(many_guesses_at_a_time_cost_the_store_little, pair_with_doors)
{
    second_door->log.clear();
    std::vector<outcome_ptr> all;
    for (int n = 0; n != 100; ++n)
        all.push_back(start(second.manager->async_find_challenge(host_number(n))));
    for (const auto& each : all)
        BOOST_TEST(!wait(each));
    BOOST_TEST(second_door->log.size() > 0U);
    BOOST_TEST(second_door->log.size() <= 12U, second_door->log.size());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
