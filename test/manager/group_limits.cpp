#include "manager/members.hpp"

#include <boost/test/unit_test.hpp>

/// The limits of a group: its own, and the CA's.
namespace acme::test {
namespace {

void requests(config& c)
{
    c.limits.requests = rate(3, minutes(1));
}

void new_hosts(config& c)
{
    c.limits.new_hosts = rate(3, hours(3));
}

// Asks each of them in turn for hosts of their own.
std::vector<outcome_ptr> ask_all(trio& w, int hosts)
{
    std::vector<outcome_ptr> all;
    for (int n = 0; n < hosts; ++n)
        all.push_back(n % 3 == 0 ? w.ask(host_number(n))
                : n % 3 == 1     ? w.second.ask(host_number(n))
                                 : w.third.ask(host_number(n)));
    return all;
}

std::size_t done(const std::vector<outcome_ptr>& all)
{
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const auto& o) { return o->done; }));
}

// Whether there were never more than a full bucket and what it gains, by the right clock.
bool keeps_pace(const climate& w, std::size_t burst, seconds interval)
{
    for (std::size_t i = 0; i + burst < w.asked.size(); ++i)
        if (w.asked[i + burst].when - w.asked[i].when < interval - seconds(2))
            return false;
    return true;
}

/// Machines whose clocks differ.
struct skewed : weather
{
    skewed(const std::function<void(config&)>& change, minutes of_second)
        : weather(change)
        , second(*this, [&](config& c) {
            change(c);
            c.clock = std::make_shared<skewed_clock>(clock, of_second);
        })
    {
        use_disk();
        second.use(disk);
    }

    member second;
};

BOOST_AUTO_TEST_SUITE(group_limits)

BOOST_AUTO_TEST_CASE(orders_keep_the_pace_of_one_bucket)
{
    trio w(requests);
    const auto start = w.clock->elapsed();
    const auto all = ask_all(w, 12);
    w.pass(seconds(20));
    BOOST_TEST(done(all) == 3U);
    w.run_until([&] { return done(all) == all.size(); });
    for (const auto& each : all)
        BOOST_TEST(each->certificate);
    BOOST_TEST(keeps_pace(w, 3, minutes(1)));
    // Nor slower than it.
    const auto took = w.clock->elapsed() - start;
    BOOST_TEST((took >= minutes(9) && took < minutes(9) + seconds(30)), took.count());
}

BOOST_AUTO_TEST_CASE(new_hosts_are_counted_together)
{
    trio w(new_hosts);
    const auto before = w.clock->now();
    w.get("a.example.com");
    w.second.get("b.example.com");
    w.third.get("c.example.com");
    for (const auto& e :
        {w.refusal("d.example.com"), w.second.refusal("e.example.com"), w.third.refusal("f.example.com")}) {
        BOOST_TEST((e.code() == errc::too_many_new_hosts));
        BOOST_TEST((e.retry().not_before >= before + hours(3) - seconds(1)));
        BOOST_TEST((e.retry().not_before <= before + hours(3) + seconds(10)));
    }
    w.pass(hours(3));
    BOOST_TEST(w.third.get("f.example.com"));
    BOOST_TEST((w.refusal("d.example.com").code() == errc::too_many_new_hosts));
}

BOOST_AUTO_TEST_CASE(a_host_that_all_are_asked_for_costs_one_token)
{
    trio w([](config& c) {
        requests(c);
        new_hosts(c);
    });
    for (const auto* name : {"a.example.com", "b.example.com", "c.example.com"}) {
        const auto start = w.clock->elapsed();
        const auto a = w.ask(name), b = w.second.ask(name), c = w.third.ask(name);
        w.run_until([&] { return a->done && b->done && c->done; });
        BOOST_TEST((a->certificate && b->certificate && c->certificate), name);
        w.settle();
        BOOST_TEST((w.clock->elapsed() - start < seconds(10)), name);
    }
    BOOST_TEST(w.asked.size() == 3U);
    BOOST_TEST((w.refusal("d.example.com").code() == errc::too_many_new_hosts));
}

BOOST_AUTO_TEST_CASE(who_waits_for_a_token_leaves_its_place_to_who_needs_none)
{
    trio w([](config& c) {
        c.limits.requests = rate(2, hours(1'000));
        c.max_issuances = 1;
    });
    bool lose = true;
    w.network->decide = [&](std::size_t, const https_request& r) {
        return lose && r.url.find("/cert/") != std::string::npos ? scripted_transport::fate::lose_request
                                                                 : scripted_transport::fate::deliver;
    };
    BOOST_TEST((w.refusal("a.example.com").code() == boost::asio::error::connection_reset));
    lose = false;
    w.pass(hours(25));
    w.get("b.example.com");
    const auto waiting = w.ask("c.example.com"), another = w.ask("d.example.com");
    w.settle();
    BOOST_TEST(!waiting->done);
    const auto start = w.clock->elapsed();
    BOOST_TEST(w.get("a.example.com"));
    BOOST_TEST((w.clock->elapsed() - start < minutes(1)));
    BOOST_TEST((!waiting->done && !another->done));
    BOOST_TEST(w.orders() == 2U);
}

BOOST_AUTO_TEST_CASE(a_token_that_another_puts_back_is_not_waited_for)
{
    const auto one = [](config& c) { c.limits.requests = rate(1, hours(1)); };
    trio w(one);
    w.get("a.example.com");
    w.pass(hours(2));
    // One of them can't reach the CA, and does not use its token.
    bool lost = false;
    w.network->decide = [&](std::size_t, const https_request& r) {
        const bool lose = r.url.ends_with("/directory") && !std::exchange(lost, true);
        return lose ? scripted_transport::fate::lose_request : scripted_transport::fate::deliver;
    };
    const auto start = w.clock->elapsed();
    const auto b = w.second.ask("b.example.com"), c = w.third.ask("c.example.com");
    w.run_until([&] { return b->done && c->done; });
    BOOST_TEST(lost);
    BOOST_TEST((b->certificate != nullptr) != (c->certificate != nullptr));
    BOOST_TEST((w.clock->elapsed() - start < minutes(1)));
}

BOOST_AUTO_TEST_CASE(clocks_that_differ_mint_no_orders_and_lose_none)
{
    for (const int ahead : {-15, -7, -1, 1, 7, 15}) {
        skewed w(requests, minutes(ahead));
        const auto start = w.clock->elapsed();
        std::vector<outcome_ptr> all;
        for (int n = 0; n < 15; ++n) {
            all.push_back(w.ask("x" + host_number(n)));
            all.push_back(w.second.ask("y" + host_number(n)));
        }
        w.run_until([&] { return done(all) == all.size(); });
        for (const auto& each : all)
            BOOST_TEST(each->certificate, ahead);
        BOOST_TEST(keeps_pace(w, 3, minutes(1)), ahead);
        const auto took = w.clock->elapsed() - start;
        BOOST_TEST((took >= minutes(26)), ahead << " minutes");
        BOOST_TEST((took < minutes(28)), ahead << " minutes: " << took / seconds(1));
        BOOST_TEST((w.second.network->orders >= 10U && w.second.network->orders <= 20U), w.second.network->orders);
    }
}

BOOST_AUTO_TEST_CASE(clocks_that_are_far_apart_cost_a_bucket_or_two_and_no_more)
{
    for (const minutes ahead : {minutes(-60), minutes(25), minutes(60)}) {
        skewed w(requests, ahead);
        for (const bool is_first : {true, false}) {
            const auto start = w.clock->elapsed();
            std::vector<outcome_ptr> all;
            for (int n = 0; n < 15; ++n) {
                all.push_back(w.ask((is_first ? "x" : "v") + host_number(n)));
                all.push_back(w.second.ask((is_first ? "y" : "w") + host_number(n)));
            }
            w.run_until([&] { return done(all) == all.size(); });
            for (const auto& each : all)
                BOOST_TEST(each->certificate, ahead.count());
            // The right pace takes 27 minutes, or 30 where the bucket is empty.
            const auto took = w.clock->elapsed() - start;
            const auto least = is_first ? minutes(21) : minutes(29);
            BOOST_TEST((took >= least && took < minutes(32)), ahead.count() << " minutes: " << took / seconds(1));
            BOOST_TEST((w.second.network->orders >= (is_first ? 10U : 20U)), w.second.network->orders);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_clock_that_jumps_and_comes_back_locks_nobody_out)
{
    for (const auto jump : {hours(-48), hours(-1), hours(1), hours(24 * 20)}) {
        weather w(requests);
        const auto wandering = std::make_shared<skewed_clock>(w.clock, seconds(0));
        member second(w, [&](config& c) {
            requests(c);
            c.clock = wandering;
        });
        w.use_disk();
        second.use(w.disk);
        int next = 0;
        for (const auto ahead : {hours(0), hours(jump), hours(0)}) {
            wandering->set_ahead(ahead);
            for (int n = 0; n < 4; ++n) {
                // By its clock the certificate may be none that can be used; its order counts.
                const auto there = second.ask(host_number(next++));
                w.run_until([&] { return there->done; });
                const auto start = w.clock->elapsed();
                w.get(host_number(next++));
                const auto took = w.clock->elapsed() - start;
                BOOST_TEST(
                    (took <= minutes(2)), jump.count() << " hours, at " << ahead.count() << ": " << took / seconds(1));
            }
        }
        // And afterwards the pace is what it was.
        w.pass(hours(2));
        const auto start = w.clock->elapsed();
        for (int n = 0; n < 6; ++n) {
            w.get(host_number(next++));
            second.get(host_number(next++));
        }
        const auto took = w.clock->elapsed() - start;
        BOOST_TEST((took >= minutes(9) - seconds(2) && took <= minutes(9) + seconds(30)), took / seconds(1));
    }
}

BOOST_AUTO_TEST_CASE(what_is_left_by_a_clock_ahead_does_not_lock_the_others_out)
{
    for (const int ahead : {-15, 15}) {
        skewed w(requests, minutes(ahead));
        for (int n = 0; n < 3; ++n)
            w.second.get(host_number(n));
        w.settle();
        const auto start = w.clock->elapsed();
        w.get("a.example.com");
        BOOST_TEST((w.clock->elapsed() - start <= seconds(70)), ahead);
        BOOST_TEST((w.clock->elapsed() - start >= seconds(50)), ahead);
    }
}

BOOST_AUTO_TEST_CASE(what_the_ca_holds_back_is_held_back_from_all)
{
    for (const int ahead : {-15, -5, 0, 5, 15}) {
        skewed w([](config&) {}, minutes(ahead));
        w.get("z.example.com");
        w.settle();
        w.refuse = [](const wanted_order&) {
            return rate_limited("too many new orders (300) from this account in the last 3h0m0s", hours(3));
        };
        BOOST_TEST((w.second.refusal("a.example.com").code() == errc::rate_limited));
        w.settle();
        BOOST_TEST((w.refusal("b.example.com").code() == errc::rate_limited), ahead);
        BOOST_TEST((w.refusal("c.example.com").code() == errc::rate_limited), ahead);
        BOOST_TEST(w.asked.size() == 2U, ahead);
        w.refuse = {};
        w.pass(hours(2));
        BOOST_TEST((w.refusal("d.example.com").code() == errc::rate_limited), ahead);
        BOOST_TEST(w.asked.size() == 2U, ahead);
        w.pass(hours(1) + minutes(20));
        BOOST_TEST(w.get("b.example.com"));
        BOOST_TEST(w.second.get("c.example.com"));
    }
}

BOOST_AUTO_TEST_CASE(a_host_that_failed_has_failed_for_clocks_that_differ)
{
    for (const int ahead : {-15, 15}) {
        skewed w([](config&) {}, minutes(ahead));
        w.get("z.example.com");
        w.refuse = [](const wanted_order&) {
            return problem_answer(400, "rejectedIdentifier", "as the test wants it");
        };
        for (int n = 0; n < 3; ++n) {
            w.second.refusal("a.example.com");
            w.pass(n < 2 ? minutes(15) : seconds(1));
        }
        const auto asked = w.asked.size();
        BOOST_TEST((w.refusal("a.example.com").code() == errc::recently_failed), ahead);
        BOOST_TEST(w.asked.size() == asked, ahead);
    }
}

BOOST_AUTO_TEST_CASE(a_pause_is_not_lost_to_a_token_taken_meanwhile)
{
    pair_with_doors w(requests);
    w.get("z.example.com");
    w.pass(hours(1));
    int asked = 0;
    w.refuse = [&](const wanted_order&) {
        ++asked;
        return rate_limited("too many new orders (300) from this account in the last 3h0m0s", hours(3));
    };
    std::vector<outcome_ptr> all;
    for (int n = 0; n < 3; ++n) {
        all.push_back(w.ask("x" + host_number(n)));
        all.push_back(w.second.ask("y" + host_number(n)));
    }
    w.run_until([&] { return done(all) == all.size(); });
    w.settle();
    BOOST_TEST((w.refusal("a.example.com").code() == errc::rate_limited));
    BOOST_TEST((w.second.refusal("b.example.com").code() == errc::rate_limited));
    const auto& saved = w.common->objects.at(w.keys.limits());
    BOOST_TEST(saved.find("too many new orders") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(pauses_that_are_over_do_not_pile_up)
{
    trio w;
    w.get("z.example.com");
    for (int n = 0; n < 20; ++n) {
        const auto domain = "d" + std::to_string(n) + ".org";
        w.refuse = [&](const wanted_order&) {
            return rate_limited(
                "too many certificates (50) already issued for \"" + domain + "\" in the last 168h0m0s", hours(3));
        };
        (n % 2 == 0 ? w.refusal("a." + domain) : w.second.refusal("a." + domain));
        w.pass(hours(8));
    }
    const state_keys keys(w.ca.directory_url());
    const auto read = [](std::shared_ptr<store> s, std::string key, std::string& to) -> boost::asio::awaitable<void> {
        to = (co_await s->async_load(key)).value_or("");
    };
    std::string value;
    w.await(read(w.disk->behind(), keys.limits(), value));
    BOOST_TEST(value.find("d19.org") != std::string::npos);
    BOOST_TEST(value.find("d10.org") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
