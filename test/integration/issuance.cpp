#include "integration/clients.hpp"
#include "integration/site.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <regex>

/// A certificate on the first handshake for a host, whatever happens meanwhile.
namespace acme::test {
namespace {

using namespace std::chrono_literals;

void check_first_handshake(const pebble& ca, const std::string& host)
{
    site s(ca);
    s.serve();
    auto root = ca.root_file();
    auto got = curl("curl-" + host, s.port(), root);
    BOOST_TEST(got.body == "Hello, TLS!\n", got.err);
    auto peer = s_client("openssl-" + host, s.port(), root);
    BOOST_TEST(peer.verified, peer.text);
    BOOST_TEST(ca.orders() == 2U);
}

/// What a request is for, from its URL's path at Pebble.
std::string operation_of(const std::string& request)
{
    constexpr std::array<std::array<const char*, 2>, 8> paths{{{"/order-plz", "newOrder"}, {"/authZ/", "authorization"},
        {"/chalZ/", "challenge"}, {"/finalize-order/", "finalize"}, {"/my-order/", "order"}, {"/certZ/", "certificate"},
        {"/nonce-plz", "newNonce"}, {"/dir", "directory"}}};
    for (auto& [path, name] : paths)
        if (request.find(path) != std::string::npos)
            return name;
    return request;
}

/// "newOrder authorization ...", a run of equal ones as one with a plus sign.
std::string operations_of(const std::vector<std::string>& requests)
{
    std::string all;
    std::string last;
    bool repeated = false;
    for (auto& each : requests) {
        auto operation = operation_of(each);
        if (operation == last) {
            if (!std::exchange(repeated, true))
                all += '+';
            continue;
        }
        repeated = false;
        all += (all.empty() ? "" : " ") + operation;
        last = operation;
    }
    return all;
}

BOOST_AUTO_TEST_SUITE(issuance, *needs_pebble())

BOOST_AUTO_TEST_CASE(works_with_a_ca_that_refuses_nonces_and_sleeps_as_pebble_does_by_default)
{
    pebble_options options;
    options.sleeps = true;
    check_first_handshake(pebble(options), "default.example");
}

BOOST_AUTO_TEST_CASE(works_with_a_strict_ca)
{
    pebble_options options;
    options.strict = true;
    check_first_handshake(pebble(options), "strict.example");
}

BOOST_AUTO_TEST_CASE(works_with_a_ca_that_refuses_many_nonces)
{
    pebble_options options;
    options.nonce_reject = 30;
    pebble ca(options);
    check_first_handshake(ca, "nonces.example");
    // Each order has one of each of these, but for those whose nonces were refused.
    site s(ca);
    s.serve();
    for (const char* host : {"nonce-1.example", "nonce-2.example", "nonce-3.example", "nonce-4.example"})
        s.obtain(host);
    std::size_t requests = 0;
    for (const char* each : {"POST /order-plz -> calling", "POST /chalZ/", "POST /finalize-order/", "POST /certZ/"})
        requests += ca.count_in_log(each);
    BOOST_TEST(requests > 4 * ca.orders());
}

BOOST_AUTO_TEST_CASE(works_with_a_long_chain)
{
    pebble_options options;
    options.chain_length = 3;
    pebble ca(options);
    check_first_handshake(ca, "chain.example");
}

BOOST_AUTO_TEST_CASE(works_where_the_authorization_is_valid_already)
{
    pebble_options options;
    options.authorization_reuse = 100;
    pebble ca(options);
    auto clock = std::make_shared<pushed_clock>();
    site_options with_clock;
    with_clock.config.clock = clock;
    site s(ca, with_clock);
    s.serve();
    s.obtain("reused.example");
    auto validations = ca.count_in_log("chalZ");
    clock->push(std::chrono::hours(24 * 61));
    BOOST_TEST(s.wait_for_events<certificate_obtained>(2));
    BOOST_TEST(ca.count_in_log("chalZ") == validations);
}

BOOST_AUTO_TEST_CASE(a_hundred_clients_of_a_new_host_lead_to_one_order)
{
    auto& ca = usual_ca();
    site s(ca);
    s.serve();
    auto orders = ca.orders();
    auto at = "hundred.example:" + std::to_string(s.port());
    auto done = run_process({"curl", "-sS", "--parallel", "--parallel-immediate", "--parallel-max", "100", "--max-time",
        "50", "--cacert", ca.root_file().native(), "--resolve", at + ":127.0.0.1", "-w",
        "%{http_code} %{num_connects}\n", "-o", "/dev/null", "https://" + at + "/[1-100]"});
    BOOST_TEST(done.exit_code == 0, done.err);
    BOOST_TEST(std::count(done.out.begin(), done.out.end(), '\n') == 100);
    std::size_t fresh = 0;
    for (auto line = done.out.find("200 1\n"); line != std::string::npos; line = done.out.find("200 1\n", line + 1))
        ++fresh;
    BOOST_TEST(fresh == 100U);
    BOOST_TEST(ca.orders() - orders == 1U);
    BOOST_TEST(s.events<certificate_obtained>().size() == 1U);
}

BOOST_AUTO_TEST_CASE(many_hosts_at_once_on_four_threads)
{
    auto& ca = usual_ca();
    site_options options;
    options.threads = 4;
    site s(ca, options);
    s.serve();
    auto orders = ca.orders();
    std::vector<std::future<page>> visits;
    for (int i = 0; i != 20; ++i) {
        auto visit = [&, i] { return curl("many-" + std::to_string(i % 10) + ".example", s.port(), ca.root_file()); };
        visits.push_back(std::async(std::launch::async, visit));
    }
    std::vector<std::future<certificate_ptr>> obtained;
    for (int i = 0; i != 20; ++i) {
        auto host = "many-" + std::to_string(i) + ".example";
        obtained.push_back(s.begin(s.certificates().async_get_certificate(host)));
    }
    for (auto& each : visits) {
        auto got = each.get();
        BOOST_TEST(got.body == "Hello, TLS!\n", got.err);
    }
    for (auto& each : obtained)
        BOOST_TEST(each.get() != nullptr);
    BOOST_TEST(ca.orders() - orders == 20U);
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_away_cancels_nothing)
{
    pebble_options options;
    options.sleeps = true;
    pebble ca(options);
    site s(ca);
    s.serve();
    auto root = ca.root_file();
    std::vector<std::string> hasty{"--connect-timeout", "0.2", "--max-time", "0.2"};
    BOOST_TEST(curl("hasty.example", s.port(), root, hasty).exit_code == 28);
    BOOST_TEST(s.events<certificate_obtained>().empty());
    BOOST_TEST(s.wait_for_events<certificate_obtained>(1));
    BOOST_TEST(curl("hasty.example", s.port(), root).status == 200);
    BOOST_TEST(ca.orders() == 1U);
}

BOOST_AUTO_TEST_CASE(a_caller_that_is_cancelled_cancels_nobody_else)
{
    auto& ca = usual_ca();
    site s(ca);
    s.serve();
    asio::cancellation_signal stop;
    std::promise<std::exception_ptr> ended;
    auto on_end = [&](std::exception_ptr failure, certificate_ptr) { ended.set_value(failure); };
    asio::co_spawn(s.io(), s.certificates().async_get_certificate("cancelled.example"),
        asio::bind_cancellation_slot(stop.slot(), on_end));
    auto other = s.begin(s.certificates().async_get_certificate("cancelled.example"));
    asio::post(s.io(), [&] { stop.emit(asio::cancellation_type::terminal); });
    auto failure = ended.get_future().get();
    BOOST_TEST_REQUIRE((failure != nullptr));
    try {
        std::rethrow_exception(failure);
    } catch (const boost::system::system_error& e) {
        BOOST_TEST((e.code() == asio::error::operation_aborted));
    }
    BOOST_TEST(other.get() != nullptr);
}

BOOST_AUTO_TEST_CASE(a_failing_host_gives_every_waiter_an_alert_and_the_server_the_reason)
{
    auto& ca = usual_ca();
    site s(ca);
    s.serve();
    ca.set_servfail("broken.example");
    std::vector<std::future<tls_peer>> waiters;
    for (int i = 0; i != 5; ++i)
        waiters.push_back(
            std::async(std::launch::async, [&] { return s_client("broken.example", s.port(), ca.root_file()); }));
    for (auto& each : waiters) {
        auto peer = each.get();
        BOOST_TEST(!peer.verified);
        BOOST_TEST((peer.alert == 80 || peer.alert == 112), peer.text);
    }
    BOOST_TEST(s.wait_for_handshake_failures(5));
    auto failed = s.events<issuance_failed>();
    BOOST_TEST_REQUIRE(failed.size() == 1U);
    BOOST_TEST((failed[0].error.code() == errc::authorization_invalid), failed[0].error.what());
    BOOST_TEST(failed[0].error.host() == "broken.example");
    BOOST_TEST_REQUIRE(failed[0].error.problem().has_value());
    BOOST_TEST(failed[0].error.problem()->type.starts_with("urn:ietf:params:acme:error:"));
    auto all = s.handshake_failures();
    auto typed = [](const error& e) {
        return (e.code() == errc::authorization_invalid || e.code() == errc::recently_failed) &&
            e.host() == "broken.example";
    };
    BOOST_TEST(std::all_of(all.begin(), all.end(), typed));
    // It is not asked for again at once.
    auto orders = ca.orders();
    BOOST_TEST((s.failure_to_obtain("broken.example").code() == errc::recently_failed));
    BOOST_TEST(ca.orders() == orders);
    ca.clear_servfail("broken.example");
}

BOOST_AUTO_TEST_CASE(a_host_refused_by_the_ca_is_a_typed_error_with_its_problem)
{
    pebble_options options;
    options.blocked_domains = {"blocked.example"};
    pebble ca(options);
    site s(ca);
    s.serve();
    auto peer = s_client("blocked.example", s.port(), ca.root_file());
    BOOST_TEST((peer.alert == 112), peer.text);
    auto failed = s.events<issuance_failed>();
    BOOST_TEST_REQUIRE(failed.size() == 1U);
    BOOST_TEST((failed[0].error.code() == errc::rejected_identifier), failed[0].error.what());
    BOOST_TEST(failed[0].error.problem().has_value());
    BOOST_TEST((failed[0].error.retry().when == retry_advice::kind::never));
    BOOST_TEST(s_client("fine.example", s.port(), ca.root_file()).verified);
}

BOOST_AUTO_TEST_CASE(a_ca_that_is_down_is_a_typed_error_and_no_hang)
{
    pebble ca;
    ca.stop();
    site s(ca);
    s.serve();
    auto start = std::chrono::steady_clock::now();
    auto e = s.failure_to_obtain("down.example");
    BOOST_TEST((std::chrono::steady_clock::now() - start < 15s));
    BOOST_TEST(!e.step().empty());
    BOOST_TEST(std::string(e.what()).find("localhost") != std::string::npos, e.what());
    auto peer = s_client("down.example", s.port(), ca.ca_file());
    BOOST_TEST((peer.alert == 80), peer.text);
}

BOOST_AUTO_TEST_CASE(a_ca_whose_server_is_not_trusted_is_refused)
{
    auto& ca = usual_ca();
    asio::io_context io;
    config options;
    options.directory_url = ca.directory_url();
    options.limits = limits::off();
    manager certificates(io.get_executor(), options);
    auto ended = asio::co_spawn(io, certificates.async_get_certificate("untrusted.example"), asio::use_future);
    while (ended.wait_for(0s) != std::future_status::ready)
        io.run_one_for(1s);
    BOOST_CHECK_EXCEPTION(ended.get(), error,
        [](const error& e) { return std::string(e.what()).find("certificate") != std::string::npos; });
}

BOOST_AUTO_TEST_CASE(a_warm_account_obtains_with_no_request_too_many)
{
    pebble_options kind;
    kind.nonce_reject = 0;
    pebble ca(kind);
    site_options options;
    options.count_requests = true;
    site s(ca, options);
    s.serve();
    s.obtain("cold.example");
    s.requests().clear();
    s.obtain("warm.example");
    auto sent = s.requests().requests();
    auto operations = operations_of(sent);
    BOOST_TEST(std::regex_match(operations,
                   std::regex("newOrder authorization challenge authorization\\+? finalize( order\\+?)? certificate")),
        operations);
    auto posts = std::all_of(sent.begin(), sent.end(), [](const std::string& r) { return r.starts_with("POST "); });
    BOOST_TEST(posts);
}

BOOST_AUTO_TEST_CASE(a_cold_start_asks_for_directory_nonce_and_account_once)
{
    pebble_options kind;
    kind.nonce_reject = 0;
    pebble ca(kind);
    site_options options;
    options.count_requests = true;
    site s(ca, options);
    s.serve();
    s.obtain("cold.example");
    auto operations = operations_of(s.requests().requests());
    BOOST_TEST(operations.starts_with("directory newNonce POST https://localhost:"), operations);
    BOOST_TEST(ca.count_in_log("GET /dir") == 1U + 1U, "one of them is the kit's");
    BOOST_TEST(ca.count_in_log("/nonce-plz -> calling") == 1U);
    BOOST_TEST(ca.count_in_log("/sign-me-up -> calling") == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
