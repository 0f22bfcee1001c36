#include "kit/process.hpp"
#include "server/greeter.hpp"

#include <boost/test/data/test_case.hpp>

#include <future>

namespace acme::test {
namespace {

namespace data = boost::unit_test::data;

// Every host has the same certificate, so that nothing but the name tells them apart.
struct many_hosts : laid
{
    explicit many_hosts(bench& b, std::vector<std::string> hosts)
        : laid(b)
    {
        const auto one = make_certificate_for({"a.example"});
        for (const auto& each : hosts)
            credentials->certificates[each] = one;
        server.context = make_server_context(credentials);
    }
};

client_offer again(std::string name, const client_result& earlier)
{
    client_offer offer(std::move(name), earlier.version);
    offer.session = earlier.session.get();
    return offer;
}

BOOST_AUTO_TEST_SUITE(resumption)

BOOST_DATA_TEST_CASE(a_session_is_resumed_for_the_name_that_it_was_made_for, data::make(versions), version)
{
    bench b;
    const std::string long_name = std::string(60, 'l') + ".example";
    many_hosts hosts(b, {"a.example", "A.Example", "a.example.", long_name});
    for (const auto& name : {std::string("a.example"), long_name}) {
        auto first = b.run(connect(hosts.server.port(), client_offer(name, version)));
        BOOST_TEST_REQUIRE(first.session);
        BOOST_TEST(!first.resumed);
        BOOST_TEST(b.run(connect(hosts.server.port(), again(name, first))).resumed);
    }
    auto first = b.run(connect(hosts.server.port(), client_offer("a.example", version)));
    BOOST_TEST(b.run(connect(hosts.server.port(), again("A.Example", first))).resumed);
    BOOST_TEST(b.run(connect(hosts.server.port(), again("a.example.", first))).resumed);
}

BOOST_DATA_TEST_CASE(a_session_does_not_cross_between_hosts, data::make(versions), version)
{
    bench b;
    // Shorter than a session id context can be, as long, and none.
    const std::string stem(28, 's');
    const std::vector<std::string> names{"a.example", "aa.example", stem + ".ex", stem + ".exa", stem + ".exb", ""};
    many_hosts hosts(b, names);
    for (const auto& from : names) {
        auto first = b.run(connect(hosts.server.port(), client_offer(from, version)));
        BOOST_TEST_REQUIRE(first.session);
        for (const auto& to : names) {
            auto second = b.run(connect(hosts.server.port(), again(to, first)));
            BOOST_TEST(second.text == "hello");
            BOOST_TEST(second.resumed == (from == to), from << " to " << to);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_session_in_the_contexts_cache_does_not_cross_either)
{
    bench b;
    many_hosts hosts(b, {"a.example", "b.example"});
    hosts.server.context = asio::ssl::context(asio::ssl::context::tls_server);
    install(hosts.server.context, hosts.credentials);
    SSL_CTX_set_options(hosts.server.context.native_handle(), SSL_OP_NO_TICKET);
    auto first = b.run(connect(hosts.server.port(), client_offer("a.example", TLS1_2_VERSION)));
    BOOST_TEST_REQUIRE(first.session);
    BOOST_TEST(b.run(connect(hosts.server.port(), again("a.example", first))).resumed);
    auto second = b.run(connect(hosts.server.port(), again("b.example", first)));
    BOOST_TEST(!second.resumed);
    BOOST_TEST(second.text == "hello");
}

BOOST_DATA_TEST_CASE(a_session_of_a_handshake_that_waited_does_not_cross_either, data::make(versions), version)
{
    bench b;
    greeter<> server(b);
    server.context = make_server_context(b.certificates());
    auto first = b.run(connect(server.port(), client_offer("a.example", version)));
    BOOST_TEST(b.ca->orders == 1U);
    BOOST_TEST(b.run(connect(server.port(), again("a.example", first))).resumed);
    auto second = b.run(connect(server.port(), again("b.example", first)));
    BOOST_TEST(b.ca->orders == 2U);
    BOOST_TEST(!second.resumed);
    BOOST_TEST((second.names == std::vector<std::string>{"b.example"}));
}

BOOST_DATA_TEST_CASE(an_applications_session_id_contexts_still_tell_sessions_apart, data::make(versions), version)
{
    bench b;
    many_hosts one(b, {"a.example"}), same(b, {"a.example"}), other(b, {"a.example"});
    server_context_options options;
    options.ticket_keys = std::make_shared<ticket_keys>();
    std::uint8_t id = 0;
    for (auto* each : {&one, &same, &other}) {
        each->server.context = make_server_context(each->credentials, options);
        id = each == &other ? 2 : 1;
        SSL_CTX_set_session_id_context(each->server.context.native_handle(), &id, 1);
    }
    auto first = b.run(connect(one.server.port(), client_offer("a.example", version)));
    BOOST_TEST(b.run(connect(one.server.port(), again("a.example", first))).resumed);
    BOOST_TEST(b.run(connect(same.server.port(), again("a.example", first))).resumed);
    BOOST_TEST(!b.run(connect(other.server.port(), again("a.example", first))).resumed);
}

BOOST_DATA_TEST_CASE(no_session_gets_past_the_verification_of_clients, data::make(versions), version)
{
    bench b;
    many_hosts open(b, {"a.example"}), verifying(b, {"a.example"});
    server_context_options options;
    options.ticket_keys = std::make_shared<ticket_keys>();
    for (auto* each : {&open, &verifying})
        each->server.context = make_server_context(each->credentials, options);
    verifying.server.context.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
    auto first = b.run(connect(open.server.port(), client_offer("a.example", version)));
    BOOST_TEST_REQUIRE(first.session);
    BOOST_TEST(b.run(connect(open.server.port(), again("a.example", first))).resumed);
    auto second = b.run(connect(verifying.server.port(), again("a.example", first)));
    BOOST_TEST(!second.resumed);
    BOOST_TEST(second.text == "");
    wait_for_ends(b, verifying.server.ends, 1);
    BOOST_TEST(bool(verifying.server.ends[0].code));
}

BOOST_DATA_TEST_CASE(a_host_that_is_no_longer_served_resumes_nothing, data::make(versions), version)
{
    bench b;
    many_hosts hosts(b, {"a.example"});
    hosts.server.plain = true;
    auto first = b.run(connect(hosts.server.port(), client_offer("a.example", version)));
    hosts.credentials->certificates.clear();
    auto second = b.run(connect(hosts.server.port(), again("a.example", first)));
    BOOST_TEST((second.alert == unrecognized_name));
}

// What OpenSSL's client says of a connection.
std::string s_client(bench& b, std::uint16_t port, std::string name, std::vector<std::string> arguments)
{
    std::vector<std::string> command{
        "openssl", "s_client", "-connect", "127.0.0.1:" + std::to_string(port), "-servername", std::move(name)};
    command.insert(command.end(), arguments.begin(), arguments.end());
    process_options options;
    options.keep_input_open = true;
    auto ended = std::async(std::launch::async, [&] { return run_process(command, options); });
    b.wait_for([&] { return ended.wait_for(0s) == std::future_status::ready; });
    auto result = ended.get();
    return result.out + result.err;
}

const char* const openssl_versions[] = {"-tls1_2", "-tls1_3"};

BOOST_DATA_TEST_CASE(openssls_client_resumes_for_the_same_host_only, data::make(openssl_versions), version)
{
    bench b;
    many_hosts hosts(b, {"a.example", "b.example"});
    temporary_folder scratch;
    const auto port = hosts.server.port();
    const std::string file = scratch / "session.pem";
    auto first = s_client(b, port, "a.example", {version, "-sess_out", file});
    BOOST_TEST_REQUIRE(first.find("New, TLSv1") != first.npos, first);
    auto second = s_client(b, port, "a.example", {version, "-sess_in", file});
    BOOST_TEST(second.find("Reused, TLSv1") != second.npos, second);
    auto other = s_client(b, port, "b.example", {version, "-sess_in", file});
    BOOST_TEST(other.find("New, TLSv1") != other.npos, other);
    BOOST_TEST(other.find("Reused, TLSv1") == other.npos, other);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(server_context)

struct negotiation
{
    negotiation(std::vector<std::string> ours_, std::vector<std::string> theirs_, std::string chosen_)
        : ours(std::move(ours_))
        , theirs(std::move(theirs_))
        , chosen(std::move(chosen_))
    {}

    std::vector<std::string> ours;
    std::vector<std::string> theirs;
    // "-": refused.
    std::string chosen;
};

const negotiation negotiations[] = {
    {{"h2", "http/1.1"}, {"http/1.1", "h2"}, "h2"},
    {{"http/1.1", "h2"}, {"h2", "http/1.1"}, "http/1.1"},
    {{"h2", "http/1.1"}, {"http/1.1"}, "http/1.1"},
    {{"h2"}, {}, ""},
    {{"h2"}, {"http/1.1", "h3"}, "-"},
    {{}, {"http/1.1"}, ""},
    {{std::string(255, 'p')}, {"h2", std::string(255, 'p')}, std::string(255, 'p')},
};

BOOST_DATA_TEST_CASE(the_applications_protocols_are_negotiated_in_its_order, data::make(versions), version)
{
    for (const auto& each : negotiations) {
        bench b;
        laid l(b);
        l.credentials->certificates["a.example"] = make_certificate_for({"a.example"});
        server_context_options options;
        options.protocols = each.ours;
        l.server.context = make_server_context(l.credentials, options);
        client_offer offer("a.example", version);
        offer.protocols = each.theirs;
        auto got = b.run(connect(l.server.port(), offer));
        if (each.chosen == "-")
            BOOST_TEST((got.alert == no_application_protocol));
        else
            BOOST_TEST((!got.error && got.protocol == each.chosen), each.chosen);
    }
}

BOOST_AUTO_TEST_CASE(protocols_that_can_not_be_are_refused)
{
    auto credentials = std::make_shared<laid_credentials>();
    for (std::vector<std::string> protocols : {std::vector<std::string>{""}, {"h2", std::string(256, 'p')},
             {"acme-tls/1"}, std::vector<std::string>(300, std::string(255, 'p'))}) {
        server_context_options options;
        options.protocols = protocols;
        BOOST_CHECK_THROW(make_server_context(credentials, options), std::invalid_argument);
    }
}

BOOST_AUTO_TEST_CASE(tls_1_2_can_be_left_out)
{
    bench b;
    laid l(b);
    l.credentials->certificates["a.example"] = make_certificate_for({"a.example"});
    server_context_options options;
    options.tls_1_2 = false;
    l.server.context = make_server_context(l.credentials, options);
    BOOST_TEST(b.run(connect(l.server.port(), client_offer("a.example"))).text == "hello");
    BOOST_TEST(bool(b.run(connect(l.server.port(), client_offer("a.example", TLS1_2_VERSION))).error));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
