#include "kit/process.hpp"
#include "server/greeter.hpp"
#include "server/running.hpp"

#include <boost/test/data/test_case.hpp>

#include <future>

/// What clients get for whose name there is no certificate.
namespace acme::test {
namespace {

namespace data = boost::unit_test::data;

const std::string default_host = "default.example";
const std::vector<std::string> default_names{default_host};

config with_default()
{
    config options;
    options.default_host = default_host;
    return options;
}

certificate_ptr make_self_signed(std::vector<std::string> names)
{
    return make_self_signed_certificate(names, std::chrono::system_clock::now());
}

// With such a certificate, of the application's own, and one host allowed.
struct defaulting
{
    defaulting()
        : b(with_default())
        , server(b)
    {
        b.certificates().add_certificate(make_self_signed({default_host}));
        b.certificates().set_hosts({"good.example"});
    }

    client_result visit(std::string name, int version = TLS1_3_VERSION)
    {
        return b.run(connect(server.port(), client_offer(std::move(name), version)));
    }

    bench b;
    greeter<> server;
};

const struct refused_name
{
    const char* name;
    errc why;
} refused_names[] = {
    {"", errc::no_server_name},
    {"127.0.0.1", errc::invalid_host_name},
    {"single", errc::invalid_host_name},
    {"*.good.example", errc::invalid_host_name},
    {"other.example", errc::host_not_allowed},
};

BOOST_AUTO_TEST_SUITE(default_certificate)

BOOST_DATA_TEST_CASE(whose_name_is_refused_is_shown_it_and_the_application_is_told, data::make(versions), version)
{
    for (const auto& each : refused_names) {
        defaulting d;
        auto got = d.visit(each.name, version);
        BOOST_TEST(got.text == "hello");
        BOOST_TEST(got.names == default_names, boost::test_tools::per_element());
        BOOST_TEST_REQUIRE(d.server.results.size() == 1U);
        const auto& result = d.server.results[0];
        BOOST_TEST((result.default_certificate == d.b.certificates().credentials()->find_default()));
        BOOST_TEST_REQUIRE(result.refusal.has_value());
        BOOST_TEST((result.refusal->code() == make_error_code(each.why)));
        BOOST_TEST(result.refusal->host() == each.name);
        BOOST_TEST(d.b.ca->orders == 0U);
    }
}

BOOST_DATA_TEST_CASE(whose_name_has_a_certificate_never_sees_it, data::make(versions), version)
{
    defaulting d;
    for (std::size_t i = 0; i < 2; ++i) {
        auto got = d.visit("good.example", version);
        BOOST_TEST((got.names == std::vector<std::string>{"good.example"}));
        BOOST_TEST(!d.server.results.at(i).default_certificate);
        BOOST_TEST(!d.server.results.at(i).refusal);
    }
    auto named = d.visit(default_host, version);
    BOOST_TEST(named.names == default_names, boost::test_tools::per_element());
    BOOST_TEST(!d.server.results.at(2).default_certificate);
}

BOOST_AUTO_TEST_CASE(an_issuance_that_fails_is_no_refusal_but_what_follows_is)
{
    defaulting d;
    d.b.ca->refusal = problem_answer(500, "serverInternal", "the CA is on fire");
    BOOST_TEST((d.visit("good.example").alert == internal_error));
    // The CA is not asked again at once.
    auto got = d.visit("good.example");
    BOOST_TEST(got.names == default_names, boost::test_tools::per_element());
    BOOST_TEST((d.server.results.at(0).refusal->code() == make_error_code(errc::recently_failed)));
}

BOOST_AUTO_TEST_CASE(a_name_that_the_ca_rejects_is_refused)
{
    defaulting d;
    d.b.ca->refusal = problem_answer(400, "rejectedIdentifier", "not for you");
    BOOST_TEST(d.visit("good.example").names == default_names, boost::test_tools::per_element());
}

asio::awaitable<std::vector<asio::ip::address>> resolve_to_here(std::string)
{
    std::vector<asio::ip::address> here{asio::ip::address_v4::loopback()};
    co_return here;
}

BOOST_AUTO_TEST_CASE(a_name_that_does_not_lead_here_is_refused)
{
    asio::io_context io;
    tcp::acceptor not_listening(io, tcp::v4());
    not_listening.bind(any_port());
    config options = with_default();
    options.self_check.resolver = &resolve_to_here;
    options.self_check.private_addresses = true;
    options.self_check.tls_port = not_listening.local_endpoint().port();
    bench b(options);
    b.certificates().add_certificate(make_self_signed({default_host}));
    greeter<> server(b);
    for (errc why : {errc::self_check_failed, errc::recently_failed}) {
        auto got = b.run(connect(server.port(), client_offer("good.example")));
        BOOST_TEST(got.names == default_names, boost::test_tools::per_element());
        BOOST_TEST((server.results.back().refusal->code() == make_error_code(why)));
    }
    BOOST_TEST(b.ca->orders == 0U);
}

BOOST_DATA_TEST_CASE(without_any_at_hand_there_is_the_alert, data::make(versions), version)
{
    bench b(with_default());
    greeter<> server(b);
    for (bool plain : {false, true}) {
        server.plain = plain;
        BOOST_TEST((b.run(connect(server.port(), client_offer("", version))).alert == unrecognized_name));
    }
    BOOST_TEST(b.ca->orders == 0U);
}

BOOST_DATA_TEST_CASE(a_plain_handshake_shows_it_for_whatever_is_not_at_hand, data::make(versions), version)
{
    defaulting d;
    d.server.plain = true;
    for (const char* name : {"", "good.example"})
        BOOST_TEST(d.visit(name, version).names == default_names, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(it_is_a_managed_one_too_and_always_the_current_one)
{
    bench b(with_default());
    greeter<> server(b);
    b.run(b.certificates().async_get_certificate(default_host));
    auto first = b.run(connect(server.port(), client_offer("")));
    BOOST_TEST(first.names == default_names, boost::test_tools::per_element());
    b.certificates().add_certificate(make_self_signed({default_host, "more.example"}));
    auto second = b.run(connect(server.port(), client_offer("")));
    BOOST_TEST((second.names == std::vector<std::string>{default_host, "more.example"}));
}

BOOST_DATA_TEST_CASE(
    its_sessions_are_not_those_of_the_host, data::make(versions) * data::make({false, true}), version, plain)
{
    defaulting d;
    d.server.plain = plain;
    const std::vector<std::string> own_names{"other.example"};
    const auto own = make_self_signed(own_names);
    const auto resume = [&](const client_result& earlier) {
        client_offer offer("other.example", version);
        offer.session = earlier.session.get();
        return d.b.run(connect(d.server.port(), offer));
    };
    const auto by_default = d.visit("other.example", version);
    BOOST_TEST_REQUIRE(by_default.session);
    BOOST_TEST(resume(by_default).resumed);
    d.b.certificates().add_certificate(own);
    const auto named = resume(by_default);
    BOOST_TEST(!named.resumed);
    BOOST_TEST(named.names == own_names, boost::test_tools::per_element());
    BOOST_TEST_REQUIRE(named.session);
    BOOST_TEST(resume(named).resumed);
    d.b.certificates().remove_certificate(own);
    const auto again = resume(named);
    BOOST_TEST(!again.resumed);
    BOOST_TEST(again.names == default_names, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_validation_never_gets_it)
{
    defaulting d;
    client_offer offer("other.example");
    offer.protocols = {"acme-tls/1"};
    BOOST_TEST((d.b.run(connect(d.server.port(), offer)).alert == no_application_protocol));
}

BOOST_AUTO_TEST_CASE(clients_of_other_hosts_are_misdirected)
{
    bench b(with_default());
    b.certificates().add_certificate(make_self_signed({default_host, "127.0.0.1", "::1", "*.wild.example"}));
    b.certificates().set_hosts({"serve.example"});
    running s(b);
    auto ask = [&](const std::string& name, const std::string& line, const std::string& host) {
        auto octets = line + " HTTP/1.1\r\nHost: " + host + "\r\n" + close_after + "\r\n";
        return b.run(talk_tls(s.port(), octets, name)).substr(9, 3);
    };
    for (const std::string name : {"", "other.example"}) {
        for (const char* served : {"default.example", "Default.Example:443", "127.0.0.1", "[::1]", "a.wild.example"})
            BOOST_TEST(ask(name, "GET /", served) == "200", served);
        for (const char* other : {"other.example", "serve.example", "127.0.0.2", "a.b.wild.example", "wild.example"})
            BOOST_TEST(ask(name, "GET /", other) == "421", other);
        BOOST_TEST(ask(name, "GET https://serve.example/", "default.example") == "421");
        BOOST_TEST(ask(name, "GET https://default.example/", "serve.example") == "200");
        BOOST_TEST(ask(name, "GET no-url", "default.example") == "421");
        BOOST_TEST(b.run(talk_tls(s.port(), "GET / HTTP/1.0\r\n\r\n", name)).starts_with("HTTP/1.0 421 "));
    }
    BOOST_TEST(ask("serve.example", "GET /", "serve.example") == "200");
    // One connection may ask for both.
    auto both = b.run(talk_tls(s.port(),
        "GET / HTTP/1.1\r\nHost: other.example\r\n\r\nGET / HTTP/1.1\r\nHost: default.example\r\n" + close_after +
            "\r\n",
        ""));
    BOOST_TEST(both.starts_with("HTTP/1.1 421 "));
    BOOST_TEST(both.ends_with("hello /"));
    BOOST_TEST(s.errors.empty());
}

BOOST_AUTO_TEST_CASE(openssls_client_without_a_name_verifies_it)
{
    defaulting d;
    temporary_folder scratch;
    write_whole_file(scratch / "c.pem", d.b.certificates().credentials()->find_default()->chain_pem());
    const std::vector<std::string> command{"openssl", "s_client", "-connect",
        "127.0.0.1:" + std::to_string(d.server.port()), "-noservername", "-CAfile", scratch / "c.pem",
        "-verify_return_error", "-verify_hostname", default_host};
    auto ended = std::async(std::launch::async, [&] { return run_process(command); });
    d.b.wait_for([&] { return ended.wait_for(0s) == std::future_status::ready; });
    auto result = ended.get();
    BOOST_TEST(result.exit_code == 0);
    BOOST_TEST(has(result.out, "Verify return code: 0 (ok)"), result.out + result.err);
}

BOOST_DATA_TEST_CASE(certificates_are_replaced_without_disturbing_a_handshake, data::make(versions), version)
{
    defaulting d;
    std::vector<std::shared_ptr<outcome<client_result>>> clients;
    for (int i = 0; i < 30; ++i)
        clients.push_back(begin(d.b, connect(d.server.port(), client_offer(default_host, version))));
    auto done = [](const auto& c) { return c->done(); };
    d.b.wait_for([&] {
        d.b.certificates().add_certificate(make_self_signed({default_host}));
        return std::ranges::all_of(clients, done);
    });
    for (const auto& each : clients)
        BOOST_TEST((each->value && each->value->text == "hello"));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
