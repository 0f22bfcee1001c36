#include "manager/state.hpp"
#include "server/greeter.hpp"
#include "server/running.hpp"

#include <acme/testing/store.hpp>

/// Servers whose managers share a store.
namespace acme::test {
namespace {

const std::string token = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";
const std::string key_authorization = token + ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI";

struct two_servers
{
    two_servers()
        : second_manager(b.io.get_executor(), options())
    {
        b.run(b.certificates().async_use_store(shared));
        b.run(second_manager.async_use_store(shared));
        serve_options o = quick();
        // The clients here wait for the server to close.
        o.idle_timeout = 50ms;
        first = std::make_unique<running>(b, o);
        o.on_listening = [this](const listening& l) { second = l; };
        auto hello = [](const http_request&) { return http_response(); };
        auto ended = [this](std::exception_ptr) { done = true; };
        asio::co_spawn(b.io, async_serve(second_manager, hello, o), ended);
        b.wait_for([this] { return !second.https.empty(); });
    }

    ~two_servers()
    {
        b.run(second_manager.async_shutdown());
        b.wait_for([this] { return done; });
        first.reset();
    }

    config options()
    {
        config c;
        c.transport = b.ca;
        c.directory_url = b.ca->ca.directory_url();
        c.limits = limits::off();
        c.self_check.enabled = false;
        c.on_event = [this](const event& e) { second_events.push_back(e); };
        return c;
    }

    std::string key(const std::string& host = "v.example") const
    {
        return state_keys(second_manager.options().directory_url).challenge(host);
    }
    // How often the pending challenges were asked for.
    auto readings() const
    {
        const auto is_one = [this](const testing::operation_record& r) {
            return r.operation == testing::operation::list && r.key == key("");
        };
        return std::ranges::count_if(shared->operations(), is_one);
    }
    // Nobody is refused for want of a challenge meanwhile.
    void stall_readings()
    {
        shared->inject(testing::store_fault(testing::operation::list).prefix(key("")).always().stall());
    }
    void resume_readings()
    {
        shared->clear_faults();
        shared->resume();
    }
    void publish(const std::string& type)
    {
        b.run(shared->async_save(key(),
            R"({"type":")" + type + R"(","token":")" + token + R"(","key_authorization":")" + key_authorization +
                R"("})"));
    }
    std::uint16_t second_port() const { return second.https.at(0).port(); }
    client_offer validation() const
    {
        client_offer offer("v.example");
        offer.protocols = {"acme-tls/1"};
        return offer;
    }

    bench b;
    std::shared_ptr<testing::faulty_store> shared = std::make_shared<testing::faulty_store>();
    std::vector<event> second_events;
    manager second_manager;
    std::unique_ptr<running> first;
    listening second;
    bool done = false;
};

BOOST_FIXTURE_TEST_SUITE(group, two_servers)

BOOST_AUTO_TEST_CASE(a_client_resumes_its_session_at_any_of_them)
{
    bool resumed = false;
    for (int n = 0; n < 100 && !resumed; ++n) {
        // In TLS 1.3 the ticket would come with the first response.
        client_offer offer("a.example", TLS1_2_VERSION);
        auto at_first = b.run(connect(first->port(), offer));
        BOOST_TEST_REQUIRE(at_first.session);
        offer.session = at_first.session.get();
        resumed = b.run(connect(second_port(), offer)).resumed;
        b.run(pause(10ms));
    }
    BOOST_TEST(resumed);
    BOOST_TEST(b.ca->orders == 1U);
}

BOOST_AUTO_TEST_CASE(a_validation_waits_for_word_of_its_challenge)
{
    stall_readings();
    auto validation_first = begin(b, connect(second_port(), validation()));
    b.run(pause(50ms));
    BOOST_TEST(!validation_first->done());
    publish("tls-alpn-01");
    b.wait_for([&] { return validation_first->done(); });
    BOOST_TEST_REQUIRE(validation_first->value.has_value());
    BOOST_TEST(validation_first->value->for_challenge);
    BOOST_TEST(validation_first->value->protocol == "acme-tls/1");
    // Later ones need not wait; the application's clients get no such certificate.
    BOOST_TEST(b.run(connect(first->port(), validation())).for_challenge);
    resume_readings();
    b.run(shared->async_erase(key()));
}

BOOST_AUTO_TEST_CASE(a_validation_that_nobody_waits_for_is_refused_in_time)
{
    stall_readings();
    const auto before = readings();
    auto refused = begin(b, connect(second_port(), validation()));
    b.wait_for([&] { return readings() > before; });
    b.run(pause(50ms));
    BOOST_TEST(!refused->done());
    resume_readings();
    b.wait_for([&] { return refused->done(); });
    BOOST_TEST_REQUIRE(refused->value.has_value());
    BOOST_TEST((refused->value->alert == SSL_AD_NO_APPLICATION_PROTOCOL));
}

BOOST_AUTO_TEST_CASE(a_request_for_a_token_waits_for_word_of_it)
{
    const auto ask = [&](const std::string& method, const std::string& t) {
        return talk_tcp(second.http.at(0).port(),
            method + " /.well-known/acme-challenge/" + t + " HTTP/1.1\r\nHost: v.example\r\n\r\n");
    };
    stall_readings();
    auto answer = begin(b, ask("GET", token));
    b.run(pause(50ms));
    BOOST_TEST(!answer->done());
    publish("http-01");
    b.wait_for([&] { return answer->done(); });
    BOOST_TEST_REQUIRE(answer->value.has_value());
    BOOST_TEST(answer->value->starts_with("HTTP/1.1 200 "));
    BOOST_TEST(answer->value->ends_with("\r\n\r\n" + key_authorization));
    resume_readings();
    // What can be no token, or is not asked for, does not wait.
    const auto before = readings();
    BOOST_TEST(b.run(ask("GET", "short")).starts_with("HTTP/1.1 404 "));
    BOOST_TEST(b.run(ask("POST", "b" + token)).starts_with("HTTP/1.1 404 "));
    BOOST_TEST(readings() == before);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
