#include "manager/members.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

/// What happens while a manager does not hear of its store.
namespace acme::test {
namespace {

const std::string host = "a.example.com";
const std::string other_host = "b.example.com";

/// What others save while a challenge is pending.
std::string pending_challenge()
{
    const std::string token(32, 't');
    return R"({"type":"tls-alpn-01","token":")" + token + R"(","key_authorization":")" + token + "." +
        std::string(43, 'k') + "\"}";
}

/// A third manager, in a process of its own, that dies after its order was saved.
struct with_mortal : pair_with_doors
{
    std::shared_ptr<store_door> third_door = std::make_shared<store_door>(common);
    server_process mortal{around};

    // Until its order is about to be finalized.
    void begin_order()
    {
        hook = mortal.manager->credentials();
        mortal.patience = std::chrono::milliseconds(0);
        mortal.await(mortal.manager->async_use_store(third_door));
        network->decide = [](std::size_t, const https_request& r) {
            return r.url.find("/finalize") == std::string::npos ? scripted_transport::fate::deliver
                                                                : scripted_transport::fate::hang;
        };
        mortal.ask(host);
        mortal.run_until([&] {
            io.restart();
            io.poll();
            return finalizes() > 0;
        });
        settle();
        BOOST_REQUIRE(common->objects.contains(keys.order(host)));
    }
    void die()
    {
        mortal.manager.reset();
        mortal.settle();
        third_door->lose_locks();
        network->decide = {};
        hook = manager->credentials();
    }
};

BOOST_AUTO_TEST_SUITE(group_cuts)

BOOST_FIXTURE_TEST_CASE(what_is_begun_by_one_that_dies_while_the_others_are_cut_off_is_finished, with_mortal)
{
    begin_order();
    door->interrupt();
    second_door->interrupt();
    settle();
    die();
    pass(minutes(1));
    BOOST_TEST(told<host_refused>().empty());
    const auto asked_before = asked.size();
    door->resume();
    second_door->resume();
    run_until([&] { return served(host) && second.served(host); });
    settle();
    BOOST_TEST(asked.size() == asked_before);
    BOOST_TEST(!common->objects.contains(keys.order(host)));
}

BOOST_FIXTURE_TEST_CASE(a_challenge_is_heard_while_the_store_is_read_anew, pair_with_doors)
{
    obtain(50);
    settle();
    second_door->tell(store_change::kind::anything);
    // From here on reading all of them takes long.
    second_door->turns = 10'000;
    second_door->log.clear();
    while (second_door->log.empty())
        io.poll_one();
    common->change(keys.challenge(other_host), pending_challenge());
    const auto o = start(second.manager->async_find_challenge(other_host));
    run_until([&] { return o->done; });
    BOOST_TEST(o->certificate);
    const auto loads = std::count_if(second_door->log.begin(), second_door->log.end(),
        [&](const auto& what) { return what.starts_with("load " + keys.certificate("")); });
    BOOST_TEST(loads < 50);
    second_door->turns = 1;
    settle();
}

BOOST_FIXTURE_TEST_CASE(challenges_are_the_first_to_be_read_anew, pair_with_doors)
{
    obtain(5);
    settle();
    second_door->cut = true;
    common->change(keys.challenge(other_host), pending_challenge());
    second_door->cut = false;
    BOOST_TEST(!second.manager->credentials()->find_challenge(other_host));
    second_door->log.clear();
    second_door->tell(store_change::kind::anything);
    settle();
    BOOST_TEST(second.manager->credentials()->find_challenge(other_host));
    const auto first = std::find_if(
        second_door->log.begin(), second_door->log.end(), [](const auto& what) { return what.starts_with("load "); });
    BOOST_REQUIRE((first != second_door->log.end()));
    BOOST_TEST(*first == "load " + keys.challenge(other_host));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
