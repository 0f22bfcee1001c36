#include "integration/clients.hpp"
#include "integration/site.hpp"

#include <acme/client.hpp>

#include <boost/test/unit_test.hpp>

#include <regex>

/// What lasts: certificates over restarts and refreshes, the account over what a CA forgets.
namespace acme::test {
namespace {

using namespace std::chrono_literals;

/// The account's key, which the opaque state of a manager holds in PEM.
key account_key_of(const manager& m)
{
    // The line ends of the PEM are escaped, perhaps more than once.
    auto state = std::regex_replace(m.marshal(), std::regex(R"(\\+n)"), "\n");
    auto begin = state.find("-----BEGIN PRIVATE KEY-----");
    constexpr std::string_view last = "-----END PRIVATE KEY-----";
    auto end = state.find(last, begin);
    BOOST_TEST_REQUIRE(end != std::string::npos);
    auto found = key::from_pem(state.substr(begin, end + last.size() - begin));
    BOOST_TEST_REQUIRE(found.has_value());
    return *found;
}

std::shared_ptr<client> make_client(site& s, const pebble& ca, key account_key)
{
    https_options https;
    https.ca_file = ca.ca_file().native();
    client_options options;
    options.directory_url = ca.directory_url();
    options.account_key = std::move(account_key);
    options.transport = make_https_transport(s.io().get_executor(), https);
    return std::make_shared<client>(std::move(options));
}

asio::awaitable<account> find_and_deactivate(std::shared_ptr<client> c)
{
    co_await c->async_find_account();
    co_return co_await c->async_deactivate_account();
}

BOOST_AUTO_TEST_SUITE(lifetime, *needs_pebble())

BOOST_AUTO_TEST_CASE(a_restarted_server_needs_no_ca)
{
    temporary_folder folder;
    auto file = folder / "cache";
    pebble ca;
    auto root = ca.root_file();
    {
        site s(ca);
        s.run(s.certificates().async_cache_file(file));
        s.serve();
        BOOST_TEST(curl("restarted.example", s.port(), root).status == 200);
    }
    ca.stop();
    site s(ca);
    s.run(s.certificates().async_cache_file(file));
    s.serve();
    auto got = curl("restarted.example", s.port(), root);
    BOOST_TEST(got.status == 200, got.err);
    BOOST_TEST(s.events<certificate_obtained>().empty());
    BOOST_TEST(s.events<issuance_failed>().empty());
}

BOOST_AUTO_TEST_CASE(a_damaged_or_foreign_cache_file_is_refused_and_left_untouched)
{
    temporary_folder folder;
    auto file = folder / "cache";
    {
        site s(usual_ca());
        s.run(s.certificates().async_cache_file(file));
        s.serve();
        s.obtain("damaged.example");
    }
    auto whole = read_whole_file(file);
    auto flipped = whole;
    flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
    for (auto& text : {std::string("root:x:0:0::/root:/bin/sh\n"), whole.substr(0, whole.size() / 2), flipped,
             whole + "more", std::string(1, '\0')}) {
        write_whole_file(file, text);
        site s(usual_ca());
        try {
            s.run(s.certificates().async_cache_file(file));
            BOOST_ERROR("accepted: " + text.substr(0, 30));
        } catch (const error& e) {
            BOOST_TEST((e.code() == errc::damaged_state || e.code() == errc::foreign_state));
            BOOST_TEST(std::string(e.what()).find(file.native()) != std::string::npos, e.what());
        }
        BOOST_TEST((read_whole_file(file) == text));
        BOOST_TEST(!s.certificates().registered());
    }
    write_whole_file(file, whole);
    site s(usual_ca());
    s.run(s.certificates().async_cache_file(file));
    BOOST_TEST(s.certificates().credentials()->find("damaged.example") != nullptr);
}

BOOST_AUTO_TEST_CASE(an_account_that_the_ca_lost_is_registered_again_once)
{
    pebble ca;
    site s(ca);
    s.serve();
    s.obtain("before.example");
    ca.stop();
    ca.start();
    s.obtain("after.example");
    s.obtain("later.example");
    auto told = s.events<account_registered>();
    BOOST_TEST_REQUIRE(told.size() == 2U);
    BOOST_TEST(told[1].created);
    BOOST_TEST(ca.count_in_log("/sign-me-up -> calling") <= 2U);
    BOOST_TEST(s_client("after.example", s.port(), ca.root_file()).verified);
}

BOOST_AUTO_TEST_CASE(a_deactivated_account_is_an_error_and_not_replaced_silently)
{
    pebble_options options;
    options.nonce_reject = 0;
    pebble ca(options);
    site s(ca);
    s.serve();
    s.obtain("active.example");
    auto c = make_client(s, ca, account_key_of(s.certificates()));
    auto gone = s.run(find_and_deactivate(c));
    BOOST_TEST((gone.status == account_status::deactivated));
    auto e = s.failure_to_obtain("inactive.example");
    BOOST_TEST((e.code() == errc::unauthorized), e.what());
    BOOST_TEST(e.problem().has_value());
    BOOST_TEST(e.host() == "inactive.example");
    BOOST_TEST(s.events<account_registered>().size() == 1U);
    BOOST_TEST(s_client("active.example", s.port(), ca.root_file()).verified);
}

BOOST_AUTO_TEST_CASE(a_certificate_is_refreshed_at_two_thirds_of_its_life_and_swapped_live)
{
    auto clock = std::make_shared<pushed_clock>();
    site_options options;
    options.config.clock = clock;
    site s(usual_ca(), options);
    s.serve();
    auto old = s.obtain("refreshed.example");
    clock->push(std::chrono::hours(24 * 57));
    std::this_thread::sleep_for(300ms);
    BOOST_TEST(s.events<certificate_obtained>().size() == 1U);
    clock->push(std::chrono::hours(24 * 4));
    BOOST_TEST(s.wait_for_events<certificate_obtained>(2));
    auto told = s.events<certificate_obtained>();
    BOOST_TEST_REQUIRE(told.size() == 2U);
    BOOST_TEST(told[1].refresh);
    auto fresh = s.certificates().credentials()->find("refreshed.example");
    BOOST_TEST(fresh->serial() != old->serial());
    BOOST_TEST(s_client("refreshed.example", s.port(), usual_ca().root_file()).verified);
}

BOOST_AUTO_TEST_CASE(the_old_certificate_serves_while_the_ca_is_down_and_the_refresh_is_made_up_for)
{
    pebble ca;
    auto root = ca.root_file();
    auto clock = std::make_shared<pushed_clock>();
    site_options options;
    options.config.clock = clock;
    site s(ca, options);
    s.serve();
    s.obtain("outage.example");
    ca.stop();
    clock->push(std::chrono::hours(24 * 61));
    BOOST_TEST(s.wait_for_events<issuance_failed>(1));
    auto failed = s.events<issuance_failed>();
    BOOST_TEST_REQUIRE(!failed.empty());
    BOOST_TEST(failed[0].refresh);
    BOOST_TEST((failed[0].error.retry().when == retry_advice::kind::at));
    BOOST_TEST((failed[0].error.retry().not_before > clock->now()));
    BOOST_TEST(s_client("outage.example", s.port(), root).verified);
    ca.start();
    clock->push(std::chrono::hours(25));
    BOOST_TEST(s.wait_for_events<certificate_obtained>(2));
    BOOST_TEST(s_client("outage.example", s.port(), ca.root_file()).verified);
}

BOOST_AUTO_TEST_CASE(a_host_off_the_list_is_not_refreshed)
{
    auto clock = std::make_shared<pushed_clock>();
    site_options options;
    options.config.clock = clock;
    site s(usual_ca(), options);
    s.serve();
    s.obtain("kept-on.example");
    s.obtain("taken-off.example");
    s.certificates().set_hosts({"kept-on.example"});
    clock->push(std::chrono::hours(24 * 61));
    BOOST_TEST(s.wait_for_events<certificate_obtained>(3));
    std::this_thread::sleep_for(300ms);
    auto told = s.events<certificate_obtained>();
    BOOST_TEST_REQUIRE(told.size() == 3U);
    BOOST_TEST(told[2].host == "kept-on.example");
}

BOOST_AUTO_TEST_CASE(a_manager_may_be_destroyed_at_any_moment_of_an_issuance)
{
    auto& ca = usual_ca();
    for (int moment = 0; moment != 20; ++moment) {
        asio::io_context io;
        config options;
        options.directory_url = ca.directory_url();
        options.https.ca_file = ca.ca_file().native();
        std::optional<manager> certificates(std::in_place, io.get_executor(), options);
        auto got = asio::co_spawn(io, certificates->async_get_certificate("destroyed.example"), asio::use_future);
        io.run_for(5ms * moment);
        certificates.reset();
        // What is left is little; in every second round it is not even given the time to end.
        if (moment % 2 == 0) {
            io.run_for(10s);
            BOOST_TEST_REQUIRE((got.wait_for(0s) == std::future_status::ready));
            BOOST_CHECK_THROW(got.get(), boost::system::system_error);
            BOOST_TEST(io.stopped());
        }
    }
}

// The real clock: a life of 100 s is due after 50 s, which the shortest interval of a minute holds back.
BOOST_AUTO_TEST_CASE(a_certificate_of_a_hundred_seconds_is_refreshed_in_time)
{
    pebble_options options;
    options.validity = 100s;
    pebble ca(options);
    site s(ca);
    s.serve();
    auto c = s.obtain("short.example");
    if (c->not_after() - c->not_before() > 200s) {
        BOOST_TEST_MESSAGE("this version of Pebble does not issue for 100 s");
        return;
    }
    BOOST_TEST(s.wait_for_events<certificate_obtained>(2, 90s));
    auto told = s.events<certificate_obtained>();
    BOOST_TEST_REQUIRE(told.size() == 2U);
    BOOST_TEST(told[1].refresh);
    BOOST_TEST((told[1].certificate->not_after() > c->not_after()));
    BOOST_TEST((std::chrono::system_clock::now() < c->not_after()));
    BOOST_TEST(s_client("short.example", s.port(), ca.root_file()).verified);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
