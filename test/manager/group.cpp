#include "manager/members.hpp"

#include <boost/test/unit_test.hpp>

/// Several managers on one store: what one does, the others need not do.
namespace acme::test {
namespace {

const std::string host = "a.example.com";

// How long an issuance takes where there is one manager.
std::chrono::steady_clock::duration usual_time()
{
    weather alone;
    alone.use_disk();
    const auto start = alone.clock->elapsed();
    alone.get(host);
    return alone.clock->elapsed() - start;
}

BOOST_AUTO_TEST_SUITE(group)

BOOST_FIXTURE_TEST_CASE(one_order_serves_all_who_ask_at_once, trio)
{
    const auto usual = usual_time();
    const auto start = clock->elapsed();
    const auto a = ask(host), b = second.ask(host), c = third.ask(host);
    run_until([&] { return a->done && b->done && c->done; });
    BOOST_TEST((clock->elapsed() - start <= usual));
    BOOST_TEST(asked.size() == 1U);
    BOOST_TEST(issued() == 1U);
    for (const auto& each : {a, b, c}) {
        BOOST_REQUIRE(each->certificate);
        BOOST_TEST(each->certificate->serial() == a->certificate->serial());
    }
    settle();
    BOOST_TEST(told<certificate_obtained>().size() == 1U);
    BOOST_TEST(second.count<certificate_obtained>() == 1U);
    BOOST_TEST(third.count<certificate_obtained>() == 1U);
    BOOST_TEST(second.count<save_failed>() == 0U);
}

BOOST_FIXTURE_TEST_CASE(what_one_obtains_the_others_serve_unasked, trio)
{
    const auto c = second.get(host);
    settle();
    BOOST_REQUIRE(served(host));
    BOOST_REQUIRE(third.served(host));
    BOOST_TEST(served(host)->serial() == c->serial());
    BOOST_TEST(third.served(host)->serial() == c->serial());
    BOOST_TEST(told<certificate_shared>().size() == 1U);
    BOOST_TEST(third.count<certificate_shared>() == 1U);
    BOOST_TEST(second.count<certificate_shared>() == 0U);
    BOOST_TEST(told<certificate_shared>()[0].host == host);
    pass(day);
    BOOST_TEST(asked.size() == 1U);
    BOOST_TEST(told<certificate_shared>().size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(one_account_however_many_need_it_first, trio)
{
    const auto a = ask("a.example.com"), b = second.ask("b.example.com"), c = third.ask("c.example.com");
    run_until([&] { return a->done && b->done && c->done; });
    BOOST_TEST((a->certificate && b->certificate && c->certificate));
    BOOST_TEST(registrations() == 1U);
    BOOST_TEST(ca.state().accounts.size() == 1U);
    settle();
    BOOST_TEST((manager->registered() && second.manager->registered() && third.manager->registered()));
}

BOOST_FIXTURE_TEST_CASE(an_account_that_the_ca_forgot_is_registered_anew_once, trio)
{
    get("a.example.com");
    second.get("b.example.com");
    third.get("c.example.com");
    ca.state().accounts.clear();
    ca.state().orders.clear();
    BOOST_TEST(get("d.example.com"));
    BOOST_TEST(second.get("e.example.com"));
    BOOST_TEST(third.get("f.example.com"));
    settle();
    BOOST_TEST(registrations() == 2U);
    BOOST_TEST((manager->registered() && second.manager->registered() && third.manager->registered()));
}

struct challenged : pair_with_doors
{
    explicit challenged(const char* kind)
        : pair_with_doors([kind](config& c) { c.challenge_types = {kind}; })
    {}

    std::size_t pending() const
    {
        std::size_t n = 0;
        for (const auto& [key, value] : common->objects)
            n += key.starts_with(keys.challenge("")) ? 1U : 0U;
        return n;
    }
};

BOOST_AUTO_TEST_CASE(a_challenge_is_answered_by_whichever_manager_is_reached)
{
    for (const auto* kind : {"tls-alpn-01", "http-01"}) {
        challenged w(kind);
        w.hook = w.second.manager->credentials();
        std::size_t pending = 0;
        w.network->decide = [&](std::size_t, const https_request& r) {
            // It is known before the CA is told.
            if (r.url.ends_with(kind))
                pending = w.pending();
            return scripted_transport::fate::deliver;
        };
        BOOST_TEST(w.get(host));
        BOOST_TEST(pending == 1U);
        BOOST_REQUIRE(w.validated.size() == 1U);
        BOOST_TEST(w.validated[0].type == kind);
        w.settle();
        BOOST_TEST(w.pending() == 0U);
        const auto& token = w.validated[0].token;
        const bool over_tls = std::string(kind) == "tls-alpn-01";
        const auto answered = [&] {
            return over_tls ? w.hook->find_challenge(host) != nullptr : w.hook->find_http_challenge(token) != nullptr;
        };
        BOOST_TEST(answered());
        w.pass(w.manager->options().challenge_grace + seconds(1));
        BOOST_TEST(!answered());
    }
}

BOOST_FIXTURE_TEST_CASE(who_joins_during_a_validation_answers_it, weather)
{
    use_disk();
    std::unique_ptr<member> late;
    std::string found;
    ca.state().options.validation_polls = 3;
    ca.state().options.validate = [&](const validation&) { return std::optional<std::string>(); };
    bool joined = false;
    const auto caller = ask(host);
    run_until([&] { return network->count("POST", "/tls-alpn-01") > 0; });
    late = std::make_unique<member>(*this);
    const auto joining = start(late->manager->async_use_store(disk));
    run_until([&] {
        joined = joined || late->manager->credentials()->find_challenge(host) != nullptr;
        return joining->done && caller->done;
    });
    BOOST_TEST(joined);
    BOOST_TEST(caller->certificate);
    pass(minutes(1));
    BOOST_TEST(!late->manager->credentials()->find_challenge(host));
}

// A manager on an io_context of its own, which ends at a request as by kill -9.
struct widowed : weather
{
    widowed() { use_disk(); }

    // False where there is no such request.
    bool kill_at(std::size_t number)
    {
        server_process p(around);
        p.patience = std::chrono::milliseconds(0);
        p.await(p.manager->async_use_store(disk));
        const auto end = network->requests.size() + number;
        const auto caller = p.ask(host);
        network->decide = [&](std::size_t n, const https_request&) {
            return n + 1 == end ? scripted_transport::fate::hang : scripted_transport::fate::deliver;
        };
        bool reached = false;
        p.run_until([&] {
            io.restart();
            io.poll();
            reached = network->requests.size() == end && network->in_flight == 1;
            return caller->done || reached;
        });
        p.settle();
        settle();
        network->decide = {};
        return reached;
    }
    bool order_is_saved() const
    {
        for (const auto& o : disk->operations())
            if (o.operation == operation::save && o.key.find("/orders/") != std::string::npos)
                return true;
        return false;
    }
};

BOOST_AUTO_TEST_CASE(what_a_manager_that_dies_has_begun_another_finishes)
{
    bool killed = true;
    std::size_t number = 1, by_itself = 0;
    for (; killed; ++number) {
        widowed w;
        killed = w.kill_at(number);
        w.hook = w.manager->credentials();
        const bool finalized = w.finalizes() > 0;
        const auto start = w.clock->elapsed();
        if (w.order_is_saved()) {
            w.run_until([&] { return w.served(host) != nullptr; });
            ++by_itself;
        } else {
            w.get(host);
        }
        BOOST_TEST((w.clock->elapsed() - start < minutes(1)),
            "request " << number << ", " << (w.clock->elapsed() - start) / seconds(1) << " s");
        w.settle();
        BOOST_TEST(w.ca.state().accounts.size() == 1U, "request " << number);
        if (finalized) {
            BOOST_TEST(w.orders() == 1U, "request " << number);
            BOOST_TEST(w.finalizes() == 1U, "request " << number);
            BOOST_TEST(w.issued() == 1U, "request " << number);
        }
        w.pass(hours(1));
        BOOST_TEST(w.issued() == 1U, "request " << number);
        const auto left = w.manager->marshal();
        BOOST_TEST(left.find("orders/") == std::string::npos, "request " << number);
    }
    BOOST_TEST(number > 8U);
    BOOST_TEST(by_itself > 3U);
}

BOOST_FIXTURE_TEST_CASE(whoever_waits_goes_on_at_once_when_another_dies, widowed)
{
    std::shared_ptr<outcome> waiting;
    server_process p(around);
    p.patience = std::chrono::milliseconds(0);
    p.await(p.manager->async_use_store(disk));
    const auto caller = p.ask(host);
    network->decide = [&](std::size_t, const https_request& r) {
        return r.url.ends_with("/new-order") ? scripted_transport::fate::hang : scripted_transport::fate::deliver;
    };
    p.run_until([&] { return orders() == 1 && network->in_flight == 1; });
    network->decide = {};
    waiting = ask(host);
    settle();
    BOOST_TEST(!waiting->done);
    hook = manager->credentials();
    const auto start = clock->elapsed();
    p.manager.reset();
    p.settle();
    BOOST_TEST(wait(waiting));
    BOOST_TEST((clock->elapsed() - start < seconds(5)));
}

BOOST_FIXTURE_TEST_CASE(a_refresh_is_one_order_for_all, trio)
{
    const auto first = get(host);
    settle();
    run_until([&] { return replaced(first, host) && second.served(host) != first && third.served(host) != first; });
    settle();
    BOOST_TEST(asked.size() == 2U);
    BOOST_TEST((right_time() - first->not_before() > 50 * day));
    BOOST_TEST(second.served(host)->serial() == served(host)->serial());
    BOOST_TEST(third.served(host)->serial() == served(host)->serial());
    pass(day);
    BOOST_TEST(asked.size() == 2U);
    BOOST_TEST(told<save_failed>().empty());
    BOOST_TEST(told<issuance_failed>().empty());
    BOOST_TEST(second.count<issuance_failed>() == 0U);
}

std::size_t attempts_in_a_day(trio& w, std::size_t before)
{
    w.run_until([&] { return w.asked.size() > before; });
    w.pass(day);
    return w.asked.size() - before;
}

BOOST_AUTO_TEST_CASE(a_refresh_that_fails_has_failed_for_all)
{
    weather alone;
    alone.use_disk();
    alone.get(host);
    alone.validation_error = "no route to host";
    alone.run_until([&] { return alone.asked.size() > 1; });
    alone.pass(day);
    const auto usual = alone.asked.size() - 1;
    const auto failures = alone.told<issuance_failed>().size();

    trio w;
    w.get(host);
    w.settle();
    w.validation_error = "no route to host";
    BOOST_TEST(attempts_in_a_day(w, 1) == usual);
    BOOST_TEST(failures > 1U);
    BOOST_TEST(
        w.told<issuance_failed>().size() + w.second.count<issuance_failed>() + w.third.count<issuance_failed>() ==
        failures);
    w.validation_error.reset();
    const auto old = w.served(host);
    w.run_until([&] { return w.replaced(old, host) && w.second.served(host) != old && w.third.served(host) != old; });
    w.pass(day);
    BOOST_TEST(w.issued(host) == 2U);
}

BOOST_FIXTURE_TEST_CASE(a_new_host_that_fails_has_failed_for_all, trio)
{
    validation_error = "no route to host";
    const auto a = ask(host), b = second.ask(host), c = third.ask(host);
    run_until([&] { return a->done && b->done && c->done; });
    BOOST_TEST(asked.size() == 1U);
    for (const auto& each : {a, b, c})
        BOOST_TEST(each->refused().has_value());
    settle();
    BOOST_TEST((second.refusal(host).code() == errc::recently_failed));
    BOOST_TEST((third.refusal(host).code() == errc::recently_failed));
    BOOST_TEST(asked.size() == 1U);
}

BOOST_AUTO_TEST_CASE(no_manager_is_idle_while_others_work)
{
    constexpr int hosts = 40;
    trio w([](config& c) { c.max_issuances = 4; });
    w.ca.state().options.lifetime = hours(160);
    w.ca.state().options.issuance_polls = 1;
    w.ca.state().options.retry_after = "2";
    std::vector<outcome_ptr> all;
    for (int n = 0; n < hosts; ++n) {
        all.push_back(w.ask(host_number(n)));
        all.push_back(w.second.ask(host_number(n)));
        all.push_back(w.third.ask(host_number(n)));
    }
    w.run_until([&] { return std::all_of(all.begin(), all.end(), [](const auto& o) { return o->done; }); });
    BOOST_TEST(w.asked.size() == std::size_t(hosts));
    BOOST_TEST(w.second.network->orders >= 8U);
    BOOST_TEST(w.third.network->orders >= 8U);
    BOOST_TEST(w.second.network->orders + w.third.network->orders <= 32U);

    const auto before = w.second.network->orders;
    w.run_until([&] { return w.asked.size() == 2 * std::size_t(hosts); });
    w.pass(hours(1));
    BOOST_TEST(w.asked.size() == 2 * std::size_t(hosts));
    const auto of_second = w.second.network->orders - before;
    BOOST_TEST((of_second >= 8U && of_second <= 24U), of_second << " refreshes by the second");
}

BOOST_FIXTURE_TEST_CASE(a_window_that_one_learns_is_all_the_others_need, trio)
{
    const auto first = get(host);
    settle();
    const auto start = right_time() + 10 * day;
    set_window(start, start + day);
    bool heard = false;
    network->decide = [&](std::size_t, const https_request& r) {
        const bool lost = r.url.find("/renewal-info/") != std::string::npos && std::exchange(heard, true);
        return lost ? scripted_transport::fate::lose_request : scripted_transport::fate::deliver;
    };
    run_until([&] { return replaced(first, host); });
    settle();
    BOOST_TEST((right_time() >= start && right_time() <= start + day + hours(1)));
    BOOST_TEST(asked.size() == 2U);
}

BOOST_FIXTURE_TEST_CASE(the_allow_list_is_the_groups, trio)
{
    second.manager->set_hosts({"a.example.com"});
    settle();
    BOOST_TEST((refusal("b.example.com").code() == errc::host_not_allowed));
    BOOST_TEST((third.refusal("b.example.com").code() == errc::host_not_allowed));
    BOOST_TEST(third.get("a.example.com"));
    third.manager->set_hosts({"b.example.com"});
    manager->set_hosts({"c.example.com"});
    settle();
    const auto list = [](const acme::manager& m) { return m.marshal().find("c.example.com") != std::string::npos; };
    BOOST_TEST(list(*manager) == list(*second.manager));
    BOOST_TEST(list(*manager) == list(*third.manager));
    // Nobody corrects anybody for ever; what is saved are signs of life.
    const auto saves = [this] {
        const auto all = disk->operations();
        return std::count_if(all.begin(), all.end(),
            [](const auto& o) { return o.operation == operation::save && o.key.find("/nodes/") == o.key.npos; });
    };
    const auto before = saves();
    pass(minutes(5));
    BOOST_TEST(saves() == before);
}

BOOST_AUTO_TEST_CASE(who_joins_serves_what_is_there)
{
    constexpr int hosts = 20;
    for (const std::size_t resident : {0U, 5U}) {
        weather w;
        w.ca.state().options.lifetime = hours(160);
        w.use_disk();
        w.obtain(hosts);
        member late(w, [&](config& c) { c.max_resident = resident; });
        late.use(w.disk);
        for (int n = 0; n < hosts; ++n)
            BOOST_TEST(late.get(host_number(n)));
        BOOST_TEST(late.network->orders == 0U);
        for (int n = hosts; n < 2 * hosts; ++n)
            w.get(host_number(n));
        w.settle();
        std::size_t at_hand = 0;
        for (int n = 0; n < 2 * hosts; ++n)
            at_hand += late.served(host_number(n)) ? 1U : 0U;
        BOOST_TEST((resident == 0 ? at_hand == 2 * std::size_t(hosts) : at_hand <= resident), at_hand);
        for (int n = 0; n < 2 * hosts; ++n)
            BOOST_TEST(late.get(host_number(n)));
        BOOST_TEST(w.asked.size() == 2 * std::size_t(hosts));
        w.run_until([&] { return w.asked.size() == 4 * std::size_t(hosts); });
        w.pass(day);
        BOOST_TEST(w.asked.size() == 4 * std::size_t(hosts));
        for (int n = 0; n < 2 * hosts; ++n)
            BOOST_TEST(late.get(host_number(n))->serial() == w.get(host_number(n))->serial());
        BOOST_TEST(w.asked.size() == 4 * std::size_t(hosts));
    }
}

BOOST_FIXTURE_TEST_CASE(a_manager_that_ends_leaves_its_work_to_those_who_wait, trio)
{
    for (const bool gracefully : {true, false}) {
        const std::string name = gracefully ? "b.example.com" : "c.example.com";
        network->decide = [&](std::size_t, const https_request& r) {
            return r.url.ends_with("/new-order") ? scripted_transport::fate::hang : scripted_transport::fate::deliver;
        };
        auto& leaving = gracefully ? second : third;
        const auto before = orders();
        const auto first = leaving.ask(name);
        run_until([&] { return orders() == before + 1; });
        const auto waiting = ask(name);
        settle();
        network->decide = {};
        if (gracefully)
            await(leaving.manager->async_shutdown());
        else
            leaving.manager.reset();
        BOOST_TEST((wait_refused(first).code() == errc::shut_down));
        BOOST_TEST(wait(waiting));
    }
    BOOST_TEST(told<issuance_failed>().empty());
    const auto after = second.events.size();
    get("d.example.com");
    pass(day);
    BOOST_TEST(second.events.size() == after);
}

BOOST_FIXTURE_TEST_CASE(who_ends_while_waiting_for_another_does_no_harm, trio)
{
    network->decide = [&](std::size_t, const https_request& r) {
        return r.url.ends_with("/new-order") ? scripted_transport::fate::hang : scripted_transport::fate::deliver;
    };
    const auto a = ask(host);
    run_until([&] { return orders() == 1; });
    const auto b = second.ask(host), c = third.ask(host);
    settle();
    third.manager.reset();
    await(second.manager->async_shutdown());
    BOOST_TEST((wait_refused(b).code() == errc::shut_down));
    BOOST_TEST((wait_refused(c).code() == errc::shut_down));
    BOOST_TEST(!a->done);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
