#include "manager/members.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>

/// Validations that come before word of their challenges, for which the store is read.
namespace acme::test {
namespace {

namespace asio = boost::asio;

std::string record(char key)
{
    return R"({"type":"tls-alpn-01","token":")" + std::string(43, 't') + R"(","key_authorization":")" +
        std::string(43, 't') + "." + std::string(43, key) + R"("})";
}

struct two_doors : pair_with_doors
{
    explicit two_doors(const std::function<void(config&)>& change = [](config&) {})
        : pair_with_doors(change)
    {}

    const std::string host = "a.example.com";
    const std::string key = keys.challenge(host);

    certificate_ptr served_challenge() const { return second.manager->credentials()->find_challenge(host); }
    outcome_ptr validate(const std::string& name) { return start(second.manager->async_find_challenge(name)); }
    // The first one's order, whose CA is not told to validate.
    outcome_ptr leave_pending()
    {
        network->decide = [](std::size_t, const https_request& r) {
            return r.url.ends_with("/tls-alpn-01") ? scripted_transport::fate::hang : scripted_transport::fate::deliver;
        };
        auto order = ask(host);
        run_until([&] { return common->objects.contains(key); });
        return order;
    }
    void hold_up()
    {
        second_door->way_back = std::make_shared<asio::steady_timer>(io, asio::steady_timer::time_point::max());
    }
    void let_arrive() { std::exchange(second_door->way_back, nullptr)->cancel(); }
    std::size_t lists() const
    {
        return std::size_t(
            std::ranges::count_if(second_door->log, [](const auto& what) { return what.starts_with("list "); }));
    }
};

/// An address that answers nothing.
struct tarpit
{
    asio::io_context other_io;
    asio::ip::tcp::acceptor listening{other_io, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
};

asio::awaitable<std::vector<asio::ip::address>> resolve_to_here(std::string)
{
    std::vector<asio::ip::address> here(1, asio::ip::address_v4::loopback());
    co_return here;
}

struct checking : tarpit, two_doors
{
    checking()
        : two_doors([this](config& c) {
            c.self_check = self_check_options();
            c.self_check.private_addresses = true;
            c.self_check.resolver = &resolve_to_here;
            c.self_check.tls_port = listening.local_endpoint().port();
        })
    {}
};

BOOST_FIXTURE_TEST_SUITE(challenge_readings, two_doors)

BOOST_AUTO_TEST_CASE(a_challenge_that_the_store_has_and_does_not_tell_is_found)
{
    second_door->late = true;
    const auto pending = leave_pending();
    const auto begun = clock->elapsed();
    BOOST_TEST(wait(validate(host)));
    BOOST_TEST((clock->elapsed() - begun <= seconds(1)));
    BOOST_TEST(!pending->done);
}

BOOST_AUTO_TEST_CASE(a_challenge_is_found_once_the_store_can_be_read_again)
{
    second_door->late = true;
    second_door->cut = true;
    const auto pending = leave_pending();
    const auto validation = validate(host);
    pass(seconds(3));
    BOOST_TEST(!validation->done);
    second_door->cut = false;
    BOOST_TEST(wait(validation));
    BOOST_TEST(!pending->done);
}

// Of a hundred that are pending.
BOOST_AUTO_TEST_CASE(only_what_is_asked_for_is_read)
{
    second_door->late = true;
    for (int n = 0; n != 100; ++n)
        common->change(keys.challenge(host_number(n)), record('k'));
    second_door->log.clear();
    BOOST_TEST(wait(validate(host_number(7))));
    BOOST_TEST(second_door->log.size() == 2U, second_door->log.size());
}

BOOST_AUTO_TEST_CASE(one_reading_finds_what_all_wait_for)
{
    second_door->late = true;
    for (int n = 0; n != 100; ++n)
        common->change(keys.challenge(host_number(n)), record('k'));
    second_door->log.clear();
    std::vector<outcome_ptr> all;
    for (int n = 0; n != 100; ++n)
        all.push_back(validate(host_number(n)));
    for (const auto& each : all)
        BOOST_TEST(wait(each));
    BOOST_TEST(lists() == 1U, lists());
}

BOOST_AUTO_TEST_CASE(a_challenge_that_is_told_again_keeps_its_answer)
{
    common->change(key, record('k'));
    settle();
    const auto first = served_challenge();
    BOOST_TEST(first);
    common->change(key, record('k'));
    settle();
    BOOST_TEST(served_challenge() == first);
}

BOOST_AUTO_TEST_CASE(a_challenge_that_is_told_again_is_answered_though_an_own_order_came_between)
{
    common->change(key, record('k'));
    settle();
    network->decide = [&](std::size_t, const https_request& r) {
        if (r.url.find("finalize") != r.url.npos)
            second_door->lose_locks();
        return scripted_transport::fate::deliver;
    };
    second.get(host);
    pass(seconds(15));
    BOOST_TEST(!served_challenge());
    common->change(key, record('k'));
    settle();
    BOOST_TEST(served_challenge());
}

BOOST_AUTO_TEST_CASE(what_is_heard_is_newer_than_what_is_loaded_meanwhile)
{
    common->change(key, record('k'));
    settle();
    BOOST_TEST(served_challenge());
    asio::co_spawn(io, guess_token(*second.manager), asio::detached);
    const auto had = second_door->log.size();
    clock->advance(std::chrono::milliseconds(500));
    run_until([&] { return second_door->log.size() > had; });
    hold_up();
    run_until([&] { return second_door->log.back() == "load " + key; });
    common->change(key, std::nullopt);
    settle();
    let_arrive();
    pass(seconds(30));
    BOOST_TEST(!served_challenge());
}

BOOST_AUTO_TEST_CASE(a_damaged_one_hides_no_other)
{
    second_door->late = true;
    for (const char* name : {"a.example.com", "c.example.com"})
        common->change(keys.challenge(name), record('k'));
    second_door->damaged = {key};
    asio::co_spawn(io, guess_token(*second.manager), asio::detached);
    const auto begun = clock->elapsed();
    BOOST_TEST(wait(validate("c.example.com")));
    BOOST_TEST(!wait(validate(host)));
    BOOST_TEST((clock->elapsed() - begun <= seconds(2)));
}

// A copy of the store answers while that can't be reached, and does not know yet what the store has.
BOOST_AUTO_TEST_CASE(a_list_from_before_the_store_was_back_settles_nothing)
{
    second_door->interrupt();
    second_door->cut = false;
    settle();
    second_door->log.clear();
    hold_up();
    const auto validation = validate(host);
    run_until([&] { return lists() > 0; });
    second_door->late = true;
    common->change(key, record('k'));
    second_door->tell(store_change::kind::resumed);
    settle();
    let_arrive();
    BOOST_TEST(wait(validation));
}

BOOST_FIXTURE_TEST_CASE(a_store_that_tells_nothing_of_others_is_read, weather)
{
    const auto common = std::make_shared<common_store>();
    const auto folder = std::make_shared<store_door>(common);
    folder->deaf = true;
    await(manager->async_use_store(folder));
    settle();
    common->change(state_keys(ca.directory_url()).challenge("a.example.com"), record('k'));
    BOOST_TEST(wait(start(manager->async_find_challenge("a.example.com"))));
}

// It is not taken for that to another manager's challenge.
BOOST_FIXTURE_TEST_CASE(the_answer_to_an_own_check_waits_for_word_of_a_challenge, checking)
{
    const auto asked_for_it = second.ask(client_hello(host));
    run_until([&] { return served_challenge() != nullptr; });
    const auto own = served_challenge();
    BOOST_TEST(!second.manager->credentials()->is_pending(host));
    second_door->late = true;
    common->change(key, record('k'));
    const auto found = wait(validate(host));
    BOOST_TEST((found && found != own));
    BOOST_TEST(!asked_for_it->done);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
