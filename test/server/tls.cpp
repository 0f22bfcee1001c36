#include "server/greeter.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace acme::test {
namespace {

namespace data = boost::unit_test::data;

// A next layer of the user's own: passes on at most some octets at a time.
class sip_stream
{
public:
    using executor_type = tcp::socket::executor_type;
    using lowest_layer_type = tcp::socket;

    explicit sip_stream(tcp::socket s)
        : socket_(std::move(s))
    {}

    executor_type get_executor() { return socket_.get_executor(); }
    lowest_layer_type& lowest_layer() { return socket_; }
    const lowest_layer_type& lowest_layer() const { return socket_; }

    template <class Buffers, class Token>
    auto async_read_some(const Buffers& buffers, Token&& token)
    {
        if (look)
            look();
        auto first = *asio::buffer_sequence_begin(buffers);
        return socket_.async_read_some(asio::buffer(first, 100), std::forward<Token>(token));
    }
    template <class Buffers, class Token>
    auto async_write_some(const Buffers& buffers, Token&& token)
    {
        auto first = *asio::buffer_sequence_begin(buffers);
        return socket_.async_write_some(asio::buffer(first, 100), std::forward<Token>(token));
    }

    // Called where something is read.
    std::function<void()> look;

private:
    tcp::socket socket_;
};

bool server_ends_with(const caught& end, errc code, const std::string& host)
{
    return end.typed && end.code == make_error_code(code) && end.host == host;
}

BOOST_AUTO_TEST_SUITE(tls)

BOOST_DATA_TEST_CASE(a_certificate_at_hand_is_served_without_a_wait, data::make(versions), version)
{
    bench b;
    laid l(b);
    l.credentials->certificates["a.example"] = make_certificate_for({"a.example"});
    b.ca->open = false;
    auto got = b.run(connect(l.server.port(), client_offer("a.example", version)));
    BOOST_TEST(!got.error);
    BOOST_TEST(got.version == version);
    BOOST_TEST(got.text == "hello");
    BOOST_TEST((got.names == std::vector<std::string>{"a.example"}));
}

BOOST_DATA_TEST_CASE(a_handshake_waits_for_the_certificate_and_goes_on, data::make(versions), version)
{
    bench b;
    greeter<> server(b);
    auto got = b.run(connect(server.port(), client_offer("new.example", version)));
    BOOST_TEST(got.text == "hello");
    BOOST_TEST((got.names == std::vector<std::string>{"new.example"}));
    BOOST_TEST(b.ca->orders == 1U);
    got = b.run(connect(server.port(), client_offer("NEW.Example", version)));
    BOOST_TEST(got.text == "hello");
    BOOST_TEST(b.ca->orders == 1U);
}

BOOST_AUTO_TEST_CASE(it_works_on_beasts_streams)
{
    bench b;
    greeter<boost::beast::ssl_stream<boost::beast::tcp_stream>> server(b);
    BOOST_TEST(b.run(connect(server.port(), client_offer("beast.example"))).text == "hello");
    b.certificates().set_hosts({});
    BOOST_TEST((b.run(connect(server.port(), client_offer("no.example"))).alert == unrecognized_name));
}

BOOST_AUTO_TEST_CASE(it_works_over_a_next_layer_of_ones_own)
{
    bench b;
    greeter<asio::ssl::stream<sip_stream>> server(b);
    BOOST_TEST(b.run(connect(server.port(), client_offer("own.example"))).text == "hello");
    BOOST_TEST(b.run(connect(server.port(), client_offer("own.example", TLS1_2_VERSION))).text == "hello");
}

BOOST_AUTO_TEST_CASE(it_stays_on_the_strand_that_awaits_it)
{
    bench b;
    b.run(b.certificates().async_get_certificate(std::string("strand.example")));
    asio::ssl::context context(asio::ssl::context::tls_server);
    install(context, b.certificates());
    tcp::acceptor acceptor(b.io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    auto client = begin(b, connect(acceptor.local_endpoint().port(), client_offer("strand.example")));
    tcp::socket socket(b.io);
    b.run(acceptor.async_accept(socket, asio::use_awaitable));
    asio::ssl::stream<sip_stream> stream(std::move(socket), context);
    const auto strand = asio::make_strand(b.io);
    int reads = 0, elsewhere = 0;
    stream.next_layer().look = [&] {
        ++reads;
        if (!strand.running_in_this_thread())
            ++elsewhere;
    };
    bool done = false;
    asio::co_spawn(strand, async_handshake(stream, b.certificates()),
        [&](std::exception_ptr e, const handshake_result&) { done = !e; });
    b.wait_for([&] { return done; });
    BOOST_TEST(reads > 2);
    BOOST_TEST(elsewhere == 0);
    stream.lowest_layer().close();
    b.wait_for([&] { return client->done(); });
}

BOOST_AUTO_TEST_CASE(a_hundred_clients_for_a_new_host_wait_for_one_order)
{
    bench b;
    greeter<> server(b);
    b.ca->open = false;
    std::vector<std::shared_ptr<outcome<client_result>>> clients;
    for (int i = 0; i < 100; ++i)
        clients.push_back(begin(b, connect(server.port(), client_offer("many.example", versions[i % 2]))));
    b.wait_for([&] { return b.ca->waiting > 0; });
    b.run(pause(300ms));
    auto done = [](const auto& c) { return c->done(); };
    BOOST_TEST(std::none_of(clients.begin(), clients.end(), done));
    b.ca->open = true;
    b.wait_for([&] { return std::all_of(clients.begin(), clients.end(), done); });
    for (auto& each : clients)
        BOOST_TEST((each->value && each->value->text == "hello"));
    BOOST_TEST(b.ca->orders == 1U);
}

asio::awaitable<void> ca_is_asked(bench& b)
{
    while (b.ca->waiting == 0)
        co_await pause(5ms);
    co_await pause(50ms);
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_away_does_not_end_the_issuance)
{
    bench b;
    greeter<> server(b);
    b.ca->open = false;
    {
        using namespace asio::experimental::awaitable_operators;
        auto first = b.run(connect(server.port(), client_offer("left.example")) || ca_is_asked(b));
        BOOST_TEST(first.index() == 1U);
    }
    wait_for_ends(b, server.ends, 1);
    BOOST_TEST(bool(server.ends[0].code));
    BOOST_TEST(!server.ends[0].typed);
    b.ca->open = true;
    b.wait_for([&] { return b.certificates().credentials()->find("left.example") != nullptr; });
    BOOST_TEST(b.run(connect(server.port(), client_offer("left.example"))).text == "hello");
    BOOST_TEST(b.ca->orders == 1U);
}

BOOST_DATA_TEST_CASE(a_host_that_is_not_allowed_is_an_unrecognized_name, data::make(versions), version)
{
    bench b;
    greeter<> server(b);
    b.certificates().set_hosts({"allowed.example"});
    auto got = b.run(connect(server.port(), client_offer("Other.example", version)));
    BOOST_TEST((got.alert == unrecognized_name));
    wait_for_ends(b, server.ends, 1);
    BOOST_TEST((server.ends[0].code == make_error_code(errc::host_not_allowed)));
    BOOST_TEST(server.ends[0].typed);
    BOOST_TEST(server.ends[0].host == "other.example");
    BOOST_TEST(b.ca->orders == 0U);
}

BOOST_DATA_TEST_CASE(a_client_that_names_no_host_gets_an_alert, data::make(versions), version)
{
    bench b;
    greeter<> server(b);
    auto got = b.run(connect(server.port(), client_offer("", version)));
    BOOST_TEST((got.alert == unrecognized_name));
    wait_for_ends(b, server.ends, 1);
    BOOST_TEST((server.ends[0].code == make_error_code(errc::no_server_name)));
}

const std::string hostile_names[] = {"single", "127.0.0.1", "[::1]", "2130706433", "*.example.com", "*", "a..example",
    ".example", "a.example..", "-a.example", "a_b.example", "a b.example", "a/b.example", "../../etc/passwd",
    "a.example\r\nSet-Cookie: x", "\x1b[31m.example", "\xc3\xa4.example", std::string(64, 'a') + ".example",
    std::string(250, 'a'), std::string(255, 'a'), "a.onion", "1.0.0.127.in-addr.arpa", "xn--.example"};

BOOST_DATA_TEST_CASE(a_hostile_server_name_is_refused_before_the_ca_hears_of_it, data::make(hostile_names), name)
{
    bench b;
    greeter<> server(b);
    auto got = b.run(connect(server.port(), client_offer(name)));
    BOOST_TEST((got.alert == unrecognized_name));
    wait_for_ends(b, server.ends, 1);
    BOOST_TEST(b.ca->orders == 0U);
    for (char c : server.ends[0].what + server.ends[0].host)
        BOOST_TEST((static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
    BOOST_TEST(server.ends[0].what.size() < 1000U);
}

// What a client sends first.
std::string make_client_hello(const std::string& name)
{
    bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_method()));
    bssl::UniquePtr<SSL> client(SSL_new(context.get()));
    SSL_set_tlsext_host_name(client.get(), name.c_str());
    auto* sent = BIO_new(BIO_s_mem());
    SSL_set_bio(client.get(), BIO_new(BIO_s_mem()), sent);
    SSL_set_connect_state(client.get());
    SSL_do_handshake(client.get());
    const std::uint8_t* data = nullptr;
    std::size_t size = 0;
    BIO_mem_contents(sent, &data, &size);
    return {data, data + size};
}

BOOST_AUTO_TEST_CASE(a_server_name_with_a_nul_is_no_client_hello)
{
    bench b;
    auto own = make_certificate_for({"a.example"});
    b.certificates().add_certificate(own);
    greeter<> server(b);
    auto hello = make_client_hello("a.example.evil.example");
    // Handshake messages.
    BOOST_TEST_REQUIRE(hello.front() == '\x16');
    BOOST_TEST(b.run(talk_tcp(server.port(), make_client_hello("a.example"))).front() == '\x16');
    hello.at(hello.find("a.example.evil") + 9) = '\0';
    const auto answer = b.run(talk_tcp(server.port(), hello));
    // An alert.
    BOOST_TEST_REQUIRE(answer.size() == 7U);
    BOOST_TEST(answer.front() == '\x15');
    BOOST_TEST(b.ca->orders == 0U);
}

BOOST_DATA_TEST_CASE(a_failure_of_the_ca_is_an_internal_error, data::make(versions), version)
{
    bench b;
    greeter<> server(b);
    b.ca->refusal = problem_answer(500, "serverInternal", "the CA is on fire");
    auto got = b.run(connect(server.port(), client_offer("burnt.example", version)));
    BOOST_TEST((got.alert == internal_error));
    wait_for_ends(b, server.ends, 1);
    BOOST_TEST((server.ends[0].code == make_error_code(errc::server_internal)));
    BOOST_TEST(server.ends[0].host == "burnt.example");
    BOOST_TEST(server.ends[0].what.find("the CA is on fire") != std::string::npos);
    got = b.run(connect(server.port(), client_offer("burnt.example", version)));
    BOOST_TEST((got.alert == internal_error));
    wait_for_ends(b, server.ends, 2);
    BOOST_TEST((server.ends[1].code == make_error_code(errc::recently_failed)));
}

BOOST_AUTO_TEST_CASE(a_name_that_the_ca_rejects_is_an_unrecognized_name)
{
    bench b;
    greeter<> server(b);
    b.ca->refusal = problem_answer(400, "rejectedIdentifier", "not for you");
    auto got = b.run(connect(server.port(), client_offer("rejected.example")));
    BOOST_TEST((got.alert == unrecognized_name));
}

BOOST_DATA_TEST_CASE(the_wait_for_a_certificate_is_bounded, data::make(versions), version)
{
    config options;
    options.handshake_wait = 1s;
    bench b(options);
    greeter<> server(b);
    // The handshake's own limit is shorter than the wait, which does not count.
    server.options.timeout = 500ms;
    b.ca->open = false;
    auto started = std::chrono::steady_clock::now();
    auto got = b.run(connect(server.port(), client_offer("slow.example", version)));
    auto took = std::chrono::steady_clock::now() - started;
    BOOST_TEST((got.alert == internal_error));
    BOOST_TEST((took > 900ms && took < 5s));
    wait_for_ends(b, server.ends, 1);
    BOOST_TEST((server.ends[0].code == make_error_code(errc::timed_out)));
    BOOST_TEST(server.ends[0].host == "slow.example");
}

BOOST_AUTO_TEST_CASE(a_manager_that_is_shut_down_refuses_waiting_clients)
{
    bench b;
    greeter<> server(b);
    b.ca->open = false;
    auto client = begin(b, connect(server.port(), client_offer("late.example")));
    b.wait_for([&] { return b.ca->waiting > 0; });
    b.run(b.certificates().async_shutdown());
    b.wait_for([&] { return client->done(); });
    BOOST_TEST_REQUIRE(client->value.has_value());
    BOOST_TEST((client->value->alert == internal_error));
    wait_for_ends(b, server.ends, 1);
    BOOST_TEST((server.ends[0].code == make_error_code(errc::shut_down)));
}

BOOST_AUTO_TEST_CASE(a_silent_client_is_given_up)
{
    bench b;
    greeter<> server(b);
    server.options.timeout = 200ms;
    auto started = std::chrono::steady_clock::now();
    BOOST_TEST(b.run(talk_tcp(server.port(), "")) == "");
    BOOST_TEST((std::chrono::steady_clock::now() - started < 3s));
    wait_for_ends(b, server.ends, 1);
    BOOST_TEST((server.ends[0].code == make_error_code(errc::timed_out)));
}

asio::awaitable<void> handshake_with(tcp::acceptor& acceptor, asio::ssl::context& context, bench& b)
{
    auto socket = co_await acceptor.async_accept(asio::use_awaitable);
    asio::ssl::stream<tcp::socket> stream(std::move(socket), context);
    co_await async_handshake(stream, b.certificates());
}

BOOST_AUTO_TEST_CASE(what_is_not_tls_is_a_plain_error)
{
    bench b;
    greeter<> server(b);
    b.run(talk_tcp(server.port(), "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"));
    wait_for_ends(b, server.ends, 1);
    BOOST_TEST(bool(server.ends[0].code));
    BOOST_TEST(!server.ends[0].typed);
    BOOST_TEST((server.ends[0].code.category() == asio::error::get_ssl_category()));
}

BOOST_AUTO_TEST_CASE(cancellation_ends_the_wait_but_not_the_issuance)
{
    using namespace asio::experimental::awaitable_operators;
    bench b;
    asio::ssl::context context(asio::ssl::context::tls_server);
    install(context, b.certificates());
    tcp::acceptor acceptor(b.io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    b.ca->open = false;
    auto client = begin(b, connect(acceptor.local_endpoint().port(), client_offer("cancelled.example")));
    auto first = b.run(handshake_with(acceptor, context, b) || ca_is_asked(b));
    BOOST_TEST(first.index() == 1U);
    BOOST_TEST(b.ca->waiting == 1U);
    b.ca->open = true;
    b.wait_for([&] { return b.certificates().credentials()->find("cancelled.example") != nullptr; });
}

BOOST_DATA_TEST_CASE(a_validation_is_answered_without_the_applications_settings, data::make(versions), version)
{
    bench b;
    laid l(b);
    l.lay_challenge("v.example");
    l.credentials->certificates["v.example"] = make_certificate_for({"v.example"});
    SSL_CTX* context = l.server.context.native_handle();
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    auto refuse_all = [](SSL*, const std::uint8_t**, std::uint8_t*, const std::uint8_t*, unsigned, void*) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    };
    SSL_CTX_set_alpn_select_cb(context, refuse_all, nullptr);
    client_offer offer("v.example", version);
    offer.protocols = {"acme-tls/1"};
    auto got = b.run(connect(l.server.port(), offer));
    BOOST_TEST(!got.error, got.error.message());
    BOOST_TEST(got.protocol == "acme-tls/1");
    BOOST_TEST(got.for_challenge);
    BOOST_TEST(got.text == "");
    BOOST_TEST(!got.session);
    wait_for_ends(b, l.server.ends, 1);
    BOOST_TEST((server_ends_with(l.server.ends[0], errc::challenge_answered, "v.example")));
    b.wait_for([&] { return !b.events.empty(); });
    BOOST_TEST_REQUIRE(b.events.size() == 1U);
    BOOST_TEST(std::get<validation_answered>(b.events[0]).host == "v.example");
    BOOST_TEST(std::get<validation_answered>(b.events[0]).challenge == "tls-alpn-01");
}

BOOST_DATA_TEST_CASE(a_validation_without_a_challenge_gets_no_certificate_at_all, data::make(versions), version)
{
    bench b;
    laid l(b);
    l.lay_challenge("other.example");
    l.credentials->certificates["v.example"] = make_certificate_for({"v.example"});
    for (std::string name : {"v.example", "unknown.example", ""}) {
        client_offer offer(name, version);
        offer.protocols = {"acme-tls/1"};
        auto got = b.run(connect(l.server.port(), offer));
        BOOST_TEST((got.alert == no_application_protocol));
        BOOST_TEST(got.names.empty());
    }
    BOOST_TEST(b.ca->orders == 0U);
}

BOOST_DATA_TEST_CASE(acme_tls_among_other_protocols_is_an_ordinary_client, data::make(versions), version)
{
    bench b;
    laid l(b);
    l.lay_challenge("v.example");
    l.credentials->certificates["v.example"] = make_certificate_for({"v.example"});
    l.server.context = make_server_context(l.credentials);
    for (std::vector<std::string> protocols : {std::vector<std::string>{"acme-tls/1", "http/1.1"},
             std::vector<std::string>{"h2", "acme-tls/1"}, std::vector<std::string>{"acme-tls/1", "acme-tls/1"}}) {
        client_offer offer("v.example", version);
        offer.protocols = protocols;
        auto got = b.run(connect(l.server.port(), offer));
        BOOST_TEST(!got.for_challenge);
        if (protocols[1] == "http/1.1")
            BOOST_TEST((!got.error && got.protocol == "http/1.1"));
        else
            BOOST_TEST((got.alert == no_application_protocol));
    }
}

BOOST_DATA_TEST_CASE(a_session_does_not_cross_between_clients_and_validations, data::make(versions), version)
{
    bench b;
    laid l(b);
    l.lay_challenge("v.example");
    l.credentials->certificates["v.example"] = make_certificate_for({"v.example"});
    auto first = b.run(connect(l.server.port(), client_offer("v.example", version)));
    BOOST_TEST_REQUIRE(first.session);
    client_offer again("v.example", version);
    again.session = first.session.get();
    BOOST_TEST(b.run(connect(l.server.port(), again)).resumed);
    again.protocols = {"acme-tls/1"};
    auto got = b.run(connect(l.server.port(), again));
    BOOST_TEST(!got.resumed);
    BOOST_TEST(got.for_challenge);
}

BOOST_AUTO_TEST_CASE(a_plain_handshake_serves_what_is_at_hand_and_refuses_the_rest)
{
    bench b;
    laid l(b);
    l.server.plain = true;
    l.credentials->certificates["a.example"] = make_certificate_for({"a.example"});
    BOOST_TEST(b.run(connect(l.server.port(), client_offer("a.example"))).text == "hello");
    for (int version : versions)
        BOOST_TEST((b.run(connect(l.server.port(), client_offer("b.example", version))).alert == unrecognized_name));
    BOOST_TEST(b.ca->orders == 0U);
}

BOOST_AUTO_TEST_CASE(a_context_outlives_its_manager)
{
    bench b;
    greeter<> server(b);
    BOOST_TEST(b.run(connect(server.port(), client_offer("kept.example"))).text == "hello");
    server.plain = true;
    b.destroy_manager();
    BOOST_TEST(b.run(connect(server.port(), client_offer("kept.example"))).text == "hello");
    BOOST_TEST((b.run(connect(server.port(), client_offer("new.example"))).alert == unrecognized_name));
}

BOOST_AUTO_TEST_CASE(a_second_install_replaces_the_first)
{
    auto one = std::make_shared<laid_credentials>();
    auto two = std::make_shared<laid_credentials>();
    {
        asio::ssl::context context(asio::ssl::context::tls_server);
        install(context, one);
        BOOST_TEST(one.use_count() == 2);
        install(context, two);
        BOOST_TEST(one.use_count() == 1);
        BOOST_TEST(two.use_count() == 2);
    }
    BOOST_TEST(two.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(the_default_context_speaks_tls_1_2_and_later_only)
{
    bench b;
    laid l(b);
    l.credentials->certificates["a.example"] = make_certificate_for({"a.example"});
    l.server.context = make_server_context(l.credentials);
    for (int version : versions)
        BOOST_TEST(b.run(connect(l.server.port(), client_offer("a.example", version))).text == "hello");
    for (int version : {TLS1_VERSION, TLS1_1_VERSION})
        BOOST_TEST(bool(b.run(connect(l.server.port(), client_offer("a.example", version))).error));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
