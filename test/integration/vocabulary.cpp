#include "integration/clients.hpp"
#include "integration/site.hpp"

#include <boost/test/unit_test.hpp>

/// Each promise of the package whose vocabulary this library carries on, through the public API and real peers.
namespace acme::test {
namespace {

using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(vocabulary, *needs_pebble())

BOOST_AUTO_TEST_CASE(a_manager_without_options_is_ready_for_use)
{
    asio::io_context io;
    manager certificates(io.get_executor());
    BOOST_TEST(certificates.options().directory_url == "https://acme-v02.api.letsencrypt.org/directory");
    BOOST_TEST(!certificates.registered());
    BOOST_TEST(!certificates.marshal().empty());
    io.run_for(50ms);
}

BOOST_AUTO_TEST_CASE(only_the_directory_and_its_trust_need_to_be_said_for_another_ca)
{
    asio::io_context io;
    config options;
    options.directory_url = usual_ca().directory_url();
    options.https.ca_file = usual_ca().ca_file().native();
    manager certificates(io.get_executor(), options);
    auto registration = asio::co_spawn(io, certificates.async_register(""), asio::use_future);
    while (registration.wait_for(0s) != std::future_status::ready)
        io.run_one_for(1s);
    registration.get();
    BOOST_TEST(certificates.registered());
}

BOOST_AUTO_TEST_CASE(serve_answers_https_and_redirects_http_to_it)
{
    site s(usual_ca());
    auto http = s.serve_and_redirect();
    auto root = usual_ca().root_file();
    auto secure = curl("serve.example", s.port(), root);
    BOOST_TEST(secure.body == "Hello, TLS!\n");
    auto at = "http://serve.example:" + std::to_string(http) + "/a/b?c=d";
    auto plain = run_process({"curl", "-sS", "--resolve", "serve.example:" + std::to_string(http) + ":127.0.0.1", "-o",
        "/dev/null", "-w", "%{http_code} %{redirect_url}", at});
    BOOST_TEST(plain.out == "301 https://serve.example:" + std::to_string(s.port()) + "/a/b?c=d");
}

BOOST_AUTO_TEST_CASE(serve_https_obtains_the_certificate_in_the_first_handshake)
{
    site s(usual_ca());
    s.serve();
    auto got = curl("serve-https.example", s.port(), usual_ca().root_file());
    BOOST_TEST(got.exit_code == 0, got.err);
    BOOST_TEST(got.status == 200);
    BOOST_TEST(got.body == "Hello, TLS!\n");
    BOOST_TEST(s.events<certificate_obtained>().size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_hook_serves_clients_and_answers_validations_in_a_server_of_ones_own)
{
    site s(usual_ca());
    s.serve_by_hand();
    auto got = curl("hook.example", s.port(), usual_ca().root_file());
    BOOST_TEST(got.body == "Hello, TLS!\n", got.err);
    BOOST_TEST(s.wait_for_events<acme::validation_answered>(1));
    for (auto& each : s.handshake_failures())
        BOOST_TEST((each.code() == errc::challenge_answered), each.what());
    BOOST_TEST(s.handshake_failures().size() >= 1U);
}

BOOST_AUTO_TEST_CASE(get_certificate_obtains_ahead_of_time)
{
    site s(usual_ca());
    s.serve();
    auto orders = usual_ca().orders();
    auto c = s.obtain("Ahead.Example.");
    BOOST_TEST((c->names() == std::vector<std::string>{"ahead.example"}));
    auto peer = s_client("ahead.example", s.port(), usual_ca().root_file());
    BOOST_TEST(peer.verified, peer.text);
    BOOST_TEST(s.obtain("ahead.example") == c);
    BOOST_TEST(usual_ca().orders() - orders == 1U);
}

BOOST_AUTO_TEST_CASE(registration_is_anonymous_and_agrees_by_default)
{
    site s(usual_ca());
    s.serve();
    BOOST_TEST(!s.certificates().registered());
    s.obtain("anonymous.example");
    BOOST_TEST(s.certificates().registered());
    auto told = s.events<account_registered>();
    BOOST_TEST_REQUIRE(told.size() == 1U);
    BOOST_TEST(told[0].created);
}

BOOST_AUTO_TEST_CASE(registration_takes_an_email_address_and_asks_for_agreement)
{
    site s(usual_ca());
    std::string asked;
    auto no = [&](const std::string& terms) { return asked = terms, false; };
    try {
        s.run(s.certificates().async_register("admin@example.org", no));
        BOOST_ERROR("registered without agreement");
    } catch (const error& e) {
        BOOST_TEST((e.code() == errc::terms_refused));
    }
    BOOST_TEST(asked.starts_with("data:text/plain"));
    BOOST_TEST(!s.certificates().registered());
    auto yes = [&](const std::string&) { return true; };
    s.run(s.certificates().async_register("admin@example.org", yes));
    BOOST_TEST(s.certificates().registered());
    BOOST_TEST(usual_ca().count_in_log("mailto:admin@example.org") <= 1U);
    // Again: the account stays.
    s.run(s.certificates().async_register("other@example.org"));
    BOOST_TEST(s.events<account_registered>().size() == 1U);
}

BOOST_AUTO_TEST_CASE(set_hosts_is_the_exact_list_live_and_saved)
{
    site s(usual_ca());
    s.serve();
    auto root = usual_ca().root_file();
    s.certificates().set_hosts({"Listed.Example."});
    auto orders = usual_ca().orders();
    auto refused = s_client("unlisted.example", s.port(), root);
    BOOST_TEST((refused.alert == 112), refused.text);
    BOOST_TEST(s_client("listed.example", s.port(), root).verified);
    s.certificates().set_hosts({"unlisted.example"});
    BOOST_TEST(s_client("unlisted.example", s.port(), root).verified);
    // What is at hand is served all the same.
    BOOST_TEST(s_client("listed.example", s.port(), root).verified);
    BOOST_TEST(usual_ca().orders() - orders == 2U);

    site other(usual_ca());
    other.certificates().unmarshal(s.certificates().marshal());
    BOOST_TEST((other.failure_to_obtain("third.example").code() == errc::host_not_allowed));
    other.certificates().set_hosts({});
    BOOST_TEST((other.failure_to_obtain("fourth.example").code() == errc::host_not_allowed));
    BOOST_CHECK_THROW(other.certificates().set_hosts({"fine.example", "*"}), error);
}

BOOST_AUTO_TEST_CASE(a_cache_file_keeps_everything_across_restarts)
{
    temporary_folder folder;
    auto file = folder / "letsencrypt.cache";
    std::string serial;
    {
        site s(usual_ca());
        s.run(s.certificates().async_cache_file(file));
        s.serve();
        serial = s.obtain("cached.example")->serial();
    }
    BOOST_TEST((std::filesystem::status(file).permissions() == std::filesystem::perms(0600)));
    site s(usual_ca());
    s.run(s.certificates().async_cache_file(file));
    s.serve();
    auto orders = usual_ca().orders();
    BOOST_TEST(s.certificates().registered());
    BOOST_TEST(s_client("cached.example", s.port(), usual_ca().root_file()).verified);
    BOOST_TEST(s.obtain("cached.example")->serial() == serial);
    BOOST_TEST(usual_ca().orders() == orders);
}

BOOST_AUTO_TEST_CASE(marshal_and_unmarshal_move_a_manager_to_another)
{
    site one(usual_ca());
    one.serve();
    auto serial = one.obtain("moved.example")->serial();
    auto state = one.certificates().marshal();
    site two(usual_ca());
    BOOST_CHECK_THROW(two.certificates().unmarshal("nonsense"), error);
    BOOST_CHECK_THROW(two.certificates().unmarshal(state.substr(0, state.size() / 2)), error);
    BOOST_TEST(!two.certificates().registered());
    two.certificates().unmarshal(state);
    BOOST_TEST(two.certificates().registered());
    BOOST_TEST(two.obtain("moved.example")->serial() == serial);
}

// A program that stores the state after each notification, until it holds the host.
asio::awaitable<void> store_until(watcher w, manager& certificates, std::string host, std::string& stored)
{
    while (!certificates.credentials()->find(host)) {
        co_await w.async_receive();
        stored = certificates.marshal();
    }
}

BOOST_AUTO_TEST_CASE(watch_tells_at_once_and_of_every_change)
{
    site s(usual_ca());
    s.serve();
    auto first = s.certificates().watch();
    auto second = s.certificates().watch();
    s.run(first.async_receive());
    s.run(second.async_receive());
    std::string stored;
    auto watching = s.begin(store_until(std::move(first), s.certificates(), "watched.example", stored));
    s.obtain("watched.example");
    watching.get();
    // Nothing that happened is lost, however late it is looked for.
    s.run(second.async_receive());
    site restored(usual_ca());
    restored.certificates().unmarshal(stored);
    BOOST_TEST(restored.certificates().credentials()->find("watched.example") != nullptr);
}

BOOST_AUTO_TEST_CASE(a_request_token_is_taken_by_each_order)
{
    site_options options;
    options.config.limits.requests = rate(1, 2s);
    site s(usual_ca(), options);
    s.serve();
    s.obtain("first-request.example");
    auto start = std::chrono::steady_clock::now();
    s.obtain("second-request.example");
    auto start_of_third = std::chrono::steady_clock::now();
    BOOST_TEST((start_of_third - start > 1s));
    s.obtain("third-request.example");
    BOOST_TEST((std::chrono::steady_clock::now() - start_of_third > 1s));
}

BOOST_AUTO_TEST_CASE(a_new_host_token_is_taken_by_each_new_host_but_by_no_refresh)
{
    auto clock = std::make_shared<pushed_clock>();
    site_options options;
    options.config.clock = clock;
    options.config.limits.new_hosts = rate(2, std::chrono::hours(24 * 365));
    site s(usual_ca(), options);
    s.serve();
    s.obtain("new-1.example");
    s.obtain("new-2.example");
    auto refused = s.failure_to_obtain("new-3.example");
    BOOST_TEST((refused.code() == errc::too_many_new_hosts));
    BOOST_TEST((refused.retry().when == retry_advice::kind::at));
    auto peer = s_client("new-4.example", s.port(), usual_ca().root_file());
    BOOST_TEST((peer.alert == 80), peer.text);
    clock->push(std::chrono::hours(24 * 61));
    BOOST_TEST(s.wait_for_events<certificate_obtained>(4));
    for (auto& each : s.events<certificate_obtained>())
        BOOST_TEST(each.host.starts_with("new-"));
}

BOOST_AUTO_TEST_CASE(managers_that_share_a_store_share_orders_and_certificates)
{
    auto shared = make_memory_store();
    site one(usual_ca());
    site two(usual_ca());
    one.run(one.certificates().async_use_store(shared));
    two.run(two.certificates().async_use_store(shared));
    one.serve();
    auto orders = usual_ca().orders();
    auto first = one.begin(one.certificates().async_get_certificate("shared.example"));
    std::this_thread::sleep_for(100ms);
    auto second = two.begin(two.certificates().async_get_certificate("shared.example"));
    BOOST_TEST(first.get()->serial() == second.get()->serial());
    BOOST_TEST(usual_ca().orders() - orders == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
