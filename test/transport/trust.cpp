#include "kit/name_service.hpp"
#include "kit/process.hpp"
#include "transport/wire.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/test/unit_test.hpp>

#include <openssl/ssl.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace acme;
using namespace acme::test;
using namespace std::chrono_literals;

namespace {

struct temporary_file
{
    std::string path =
        (std::filesystem::temp_directory_path() / ("acme-trust-" + std::to_string(::getpid()) + ".pem")).string();

    explicit temporary_file(const std::string& text) { std::ofstream(path) << text; }
    ~temporary_file() { std::filesystem::remove(path); }
    temporary_file(const temporary_file&) = delete;
    temporary_file& operator=(const temporary_file&) = delete;
};

void check_refused(wire& w, const std::string& host, const std::string& reason)
{
    const auto e = w.failure_of(w.get("/", host));
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() != errc::timed_out);
    BOOST_TEST(e->explanation().find(reason) != std::string::npos, e->explanation());
    BOOST_TEST(e->explanation().find(host + ":" + std::to_string(w.server->port())) != std::string::npos);
    BOOST_TEST(w.server->requests.empty());
}

} // namespace

BOOST_AUTO_TEST_SUITE(transport_trust)

BOOST_AUTO_TEST_CASE(an_unknown_authority_is_refused)
{
    wire w;
    w.options.trust_anchors = chain_for_now({"other.example"}).root_pem;
    w.serve(http_answer("{}"));
    check_refused(w, "127.0.0.1", "the certificate is refused");
}

// A server that closes, and one that speaks no TLS.
BOOST_AUTO_TEST_CASE(what_fails_before_there_is_a_certificate_is_not_blamed_on_it)
{
    for (const std::string said : {"", "HTTP/1.1 400 Bad Request\r\n\r\n"}) {
        wire w;
        w.serve([&](tls_stream& s, std::size_t) -> asio::awaitable<void> {
            co_await asio::async_write(s.next_layer(), asio::buffer(said), asio::use_awaitable);
        });
        w.server->plain = true;
        const auto e = w.failure_of(w.get());
        BOOST_REQUIRE(e);
        BOOST_TEST(std::string(e->what()).find("certificate") == std::string::npos, e->what());
        BOOST_TEST(std::string(e->what()).find("127.0.0.1:") != std::string::npos, e->what());
    }
}

BOOST_AUTO_TEST_CASE(the_systems_authorities_do_not_know_a_private_ca)
{
    wire w;
    w.options.trust_anchors.clear();
    w.serve(http_answer("{}"));
    check_refused(w, "127.0.0.1", "the certificate is refused");
}

BOOST_AUTO_TEST_CASE(a_certificate_for_other_names_is_refused)
{
    wire w;
    w.chain = chain_for_now({"other.example", "192.0.2.1"});
    w.options.trust_anchors = w.chain.root_pem;
    w.serve(http_answer("{}"));
    check_refused(w, "127.0.0.1", "IP address mismatch");
    check_refused(w, "localhost", "ostname mismatch");
}

BOOST_AUTO_TEST_CASE(an_expired_certificate_is_refused)
{
    wire w;
    w.chain = chain_for_now({"127.0.0.1"}, -1h);
    w.options.trust_anchors = w.chain.root_pem;
    w.serve(http_answer("{}"));
    check_refused(w, "127.0.0.1", "expired");
}

BOOST_AUTO_TEST_CASE(tls_before_1_2_is_refused)
{
    wire w;
    w.serve(http_answer("{}"));
    SSL_CTX_set_min_proto_version(w.server->context.native_handle(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(w.server->context.native_handle(), TLS1_1_VERSION);
    BOOST_TEST(w.failure_of(w.get()).has_value());
    SSL_CTX_set_max_proto_version(w.server->context.native_handle(), TLS1_2_VERSION);
    BOOST_TEST(w.run(w.get()).status == 200u);
}

BOOST_AUTO_TEST_CASE(a_name_is_told_to_the_server_and_an_address_is_not)
{
    wire w;
    std::vector<std::string> names;
    w.serve([&](tls_stream& s, std::size_t) -> asio::awaitable<void> {
        const char* name = SSL_get_servername(s.native_handle(), TLSEXT_NAMETYPE_host_name);
        names.emplace_back(name != nullptr ? name : "");
        co_await w.server->async_read_request(s);
    });
    w.failure_of(w.get("/", "localhost"));
    w.failure_of(w.get("/", "127.0.0.1"));
    BOOST_REQUIRE(names.size() == 2u);
    BOOST_TEST(names[0] == "localhost");
    BOOST_TEST(names[1].empty());
}

BOOST_AUTO_TEST_CASE(all_addresses_of_a_name_are_tried)
{
    // Where localhost is ::1 as well, nobody listens there.
    wire w;
    w.serve(http_answer("{}"));
    BOOST_TEST(w.run(w.get("/", "localhost")).status == 200u);
}

BOOST_AUTO_TEST_CASE(an_ipv6_address_is_spoken_to_by_its_address)
{
    wire w;
    try {
        w.server = tls_server::start(w.io, w.chain, answering(w.server, http_answer("{}")), "::1");
    } catch (const boost::system::system_error&) {
        BOOST_TEST_MESSAGE("no IPv6 here");
        return;
    }
    BOOST_TEST(w.run(w.get("/", "[::1]")).status == 200u);
    BOOST_TEST(w.server->requests.at(0).find("\r\nHost: [::1]:") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(nobody_listening_is_told_with_the_address)
{
    wire w;
    const reserved_port reserved;
    const std::string port = std::to_string(reserved.number());
    const auto e = w.failure_of(w.transport_now().async_exchange(https_request("GET", "https://127.0.0.1:" + port)));
    BOOST_REQUIRE(e);
    BOOST_TEST(e->code() == asio::error::connection_refused);
    BOOST_TEST(e->explanation().find("127.0.0.1:" + port) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_name_that_does_not_resolve_ends_within_the_time_limit)
{
    // Longer there than the io_context, which does not wait for its lookups.
    const name_service names;
    wire w;
    w.options.exchange_timeout = 500ms;
    for (const std::string host : {"nowhere.invalid", "nowhere.slow"}) {
        const https_request r("GET", "https://" + host + "/");
        const auto e = w.failure_of(w.transport_now().async_exchange(r));
        BOOST_REQUIRE(e);
        BOOST_TEST(e->explanation().find(host) != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_https_url_is_not_asked)
{
    wire w;
    for (const char* url :
        {"", "http://127.0.0.1/", "https://", "https:///x", "//127.0.0.1/", "/x", "ftp://h/", "https://user@127.0.0.1/",
            "https://127.0.0.1:0/", "https://127.0.0.1:99999/", "https://a b/", "https://h/\r\nX: y"}) {
        const auto e = w.failure_of(w.transport_now().async_exchange(https_request("GET", url)));
        BOOST_REQUIRE_MESSAGE(e, url);
        BOOST_TEST(e->code() == errc::unexpected_answer);
    }
}

BOOST_AUTO_TEST_CASE(a_file_of_trust_anchors_is_used)
{
    wire w;
    const temporary_file file(w.chain.root_pem);
    w.options.trust_anchors.clear();
    w.options.ca_file = file.path;
    w.serve(http_answer("{}"));
    BOOST_TEST(w.run(w.get()).status == 200u);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_serve_is_an_error_that_names_it)
{
    const temporary_file nonsense("not a certificate");
    for (const std::string& path : {std::string("/nonexistent/ca.pem"), nonsense.path, std::string("/")}) {
        asio::io_context io;
        https_options o;
        o.ca_file = path;
        try {
            make_https_transport(io.get_executor(), o);
            BOOST_ERROR("no error for " << path);
        } catch (const error& e) {
            BOOST_TEST(e.explanation().find(path) != std::string::npos);
            BOOST_TEST(e.step() == "trust anchors");
        }
    }
    asio::io_context io;
    https_options o;
    o.trust_anchors = "nonsense";
    BOOST_CHECK_THROW(make_https_transport(io.get_executor(), o), error);
}

BOOST_AUTO_TEST_CASE(the_environment_can_name_the_systems_authorities)
{
    wire w;
    const temporary_file file(w.chain.root_pem);
    w.options.trust_anchors.clear();
    ::setenv("SSL_CERT_FILE", file.path.c_str(), 1);
    w.transport_now();
    ::unsetenv("SSL_CERT_FILE");
    w.serve(http_answer("{}"));
    BOOST_TEST(w.run(w.get()).status == 200u);
}

BOOST_AUTO_TEST_SUITE_END()
