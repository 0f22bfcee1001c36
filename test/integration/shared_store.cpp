#include "integration/clients.hpp"
#include "integration/cluster.hpp"
#include "integration/site.hpp"

#include <acme/etcd_store.hpp>

#include <boost/test/unit_test.hpp>

/// Managers on one store.
namespace acme::test {
namespace {

using namespace std::chrono_literals;

void share(site& s, const etcd_cluster& etcd)
{
    etcd_options options;
    options.endpoints = etcd.endpoints();
    s.run(s.certificates().async_use_store(make_etcd_store(s.io().get_executor(), options)));
}

BOOST_AUTO_TEST_SUITE(shared_store, *needs_pebble() * needs_etcd())

BOOST_AUTO_TEST_CASE(another_server_answers_over_http)
{
    pebble_options without_answers;
    without_answers.answers_http_01 = false;
    const pebble ca(without_answers);
    const etcd_cluster etcd;
    site_options options;
    options.config.challenge_types = {"http-01"};
    site first(ca, options), second(ca, options);
    share(first, etcd);
    share(second, etcd);
    // The CA comes to the second one only.
    first.serve_and_redirect();
    second.serve_out_of_reach_of_tls(ca.http_port());
    const auto c = first.obtain("over-http.example");
    BOOST_TEST(ca.orders() == 1U);
    BOOST_TEST(second.wait_for_events<validation_answered>(1));
    BOOST_TEST(first.events<validation_answered>().empty());
    BOOST_TEST(second.obtain("over-http.example")->serial() == c->serial());
    BOOST_TEST(ca.orders() == 1U);
}

BOOST_AUTO_TEST_CASE(clocks_that_are_minutes_apart_change_nothing)
{
    const pebble ca;
    const etcd_cluster etcd;
    site_options slow_options, fast_options;
    const auto ahead = std::make_shared<pushed_clock>();
    ahead->push(5min);
    fast_options.config.clock = ahead;
    for (auto* each : {&slow_options, &fast_options})
        each->config.limits.requests = rate(6, 1min);
    site slow(ca, slow_options), fast(ca, fast_options);
    share(slow, etcd);
    share(fast, etcd);
    slow.serve();
    fast.obtain("clock1.example");
    // Whoever is not the first puts its token back.
    for (std::size_t n = 2; n != 5; ++n) {
        const auto host = "clock" + std::to_string(n) + ".example";
        auto one = slow.begin(slow.certificates().async_get_certificate(host));
        auto other = fast.begin(fast.certificates().async_get_certificate(host));
        BOOST_TEST(one.get()->serial() == other.get()->serial());
        BOOST_TEST(ca.orders() == n);
    }
    slow.obtain("clock5.example");
    fast.obtain("clock6.example");
    // That was the last one, for both.
    auto next = fast.begin(fast.certificates().async_get_certificate("clock7.example"));
    BOOST_TEST((next.wait_for(2s) == std::future_status::timeout));
    auto after = slow.begin(slow.certificates().async_get_certificate("clock8.example"));
    BOOST_TEST((after.wait_for(2s) == std::future_status::timeout));
    BOOST_TEST(ca.orders() == 6U);
}

// The first was there before the others, and a folder does not tell it of them.
BOOST_AUTO_TEST_CASE(processes_on_one_folder_answer_each_others_challenges)
{
    const pebble ca;
    const temporary_folder folder;
    const auto cache = (folder / "cache").native() + "/";
    const auto command = [&](const std::string& address) {
        return std::vector<std::string>{example_server(), "--https", address, "--directory", ca.directory_url(),
            "--ca-bundle", ca.ca_file().native(), "--cache", cache};
    };
    process first(command("127.0.0.1:" + std::to_string(ca.tls_port())));
    BOOST_TEST_REQUIRE(first.wait_for_text("listening on https://"), first.all());
    const reserved_port port;
    process second(command(port.address()));
    BOOST_TEST_REQUIRE(second.wait_for_text("listening on https://"), second.all());
    const auto of_second = s_client("folder.example", port.number(), ca.root_file());
    BOOST_TEST(of_second.verified, of_second.text << second.all());
    BOOST_TEST(first.wait_for_text("validation answered for folder.example"), first.all());
    const auto of_first = s_client("folder.example", ca.tls_port(), ca.root_file());
    BOOST_TEST(of_first.certificate == of_second.certificate);
    BOOST_TEST(ca.orders() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
