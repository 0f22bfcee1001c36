#include "server/greeter.hpp"
#include "server/running.hpp"

#include <acme/testing/manual_clock.hpp>

/// The pace of refusals.
namespace acme::test {
namespace {

BOOST_AUTO_TEST_SUITE(refusals)

struct paced
{
    explicit paced(unsigned refusals_a_second)
        : b(with_pace(refusals_a_second))
    {
        b.certificates().set_hosts({"a.example"});
    }

    config with_pace(unsigned refusals_a_second) const
    {
        config c;
        c.clock = time;
        c.max_refusals_per_second = refusals_a_second;
        return c;
    }

    client_result wait_for(const std::shared_ptr<outcome<client_result>>& client)
    {
        b.wait_for([&] {
            time->advance(200ms);
            return client->done();
        });
        BOOST_TEST_REQUIRE(client->value.has_value());
        return std::move(*client->value);
    }

    std::shared_ptr<testing::manual_clock> time = std::make_shared<testing::manual_clock>();
    bench b;
};

client_offer validation_of(const std::string& host)
{
    client_offer offer(host);
    offer.protocols = {"acme-tls/1"};
    return offer;
}

BOOST_AUTO_TEST_CASE(refused_clients_wait_for_their_turn_and_others_do_not)
{
    paced p(1);
    laid l(p.b);
    l.credentials->certificates["a.example"] = make_certificate_for({"a.example"});
    l.lay_challenge("a.example");
    BOOST_TEST((p.b.run(connect(l.server.port(), client_offer("junk.example"))).alert == unrecognized_name));
    const auto begin_client = [&](client_offer offer) {
        return begin(p.b, connect(l.server.port(), std::move(offer)));
    };
    const auto others = p.time->waiting();
    const auto junk = begin_client(client_offer("junk.example"));
    const auto nameless = begin_client(client_offer(""));
    const auto guess = begin_client(validation_of("junk.example"));
    BOOST_TEST(p.b.run(connect(l.server.port(), client_offer("a.example"))).text == "hello");
    BOOST_TEST(p.b.run(connect(l.server.port(), validation_of("a.example"))).for_challenge);
    p.b.wait_for([&] { return p.time->waiting() >= others + 3; });
    BOOST_TEST((!junk->done() && !nameless->done() && !guess->done()));
    BOOST_TEST((p.wait_for(junk).alert == unrecognized_name));
    BOOST_TEST((p.wait_for(nameless).alert == unrecognized_name));
    BOOST_TEST((p.wait_for(guess).alert == no_application_protocol));
}

BOOST_AUTO_TEST_CASE(without_a_pace_nobody_waits)
{
    paced p(0);
    greeter<> server(p.b);
    for (int n = 0; n != 20; ++n)
        BOOST_TEST((p.b.run(connect(server.port(), client_offer("junk.example"))).alert == unrecognized_name));
}

BOOST_AUTO_TEST_CASE(whoever_waits_to_be_refused_holds_up_no_end)
{
    paced p(1);
    std::vector<std::shared_ptr<outcome<client_result>>> clients;
    {
        running s(p.b);
        BOOST_TEST((p.b.run(connect(s.port(), client_offer("junk.example"))).alert == unrecognized_name));
        const auto others = p.time->waiting();
        for (int n = 0; n != 3; ++n)
            clients.push_back(begin(p.b, connect(s.port(), client_offer("junk.example"))));
        p.b.wait_for([&] { return p.time->waiting() >= others + 3; });
    }
    p.b.wait_for([&] { return std::ranges::all_of(clients, [](const auto& c) { return c->done(); }); });
}

BOOST_AUTO_TEST_CASE(a_guess_after_the_managers_end_is_refused)
{
    bench b;
    greeter<> server(b);
    b.run(b.certificates().async_shutdown());
    BOOST_TEST((b.run(connect(server.port(), validation_of("a.example"))).alert == no_application_protocol));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
