#include "manager/members.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>

/// What may go wrong between managers and the store that they share.
namespace acme::test {
namespace {

const std::string host = "a.example.com";

store_change saved(const std::string& key, const std::string& value)
{
    store_change c(store_change::kind::saved);
    c.key = key;
    c.value = value;
    return c;
}

BOOST_AUTO_TEST_SUITE(group_faults)

// Loses the lock of the first manager when a request of that number arrives; the second goes on, the first as well.
void lose_lock_at(std::size_t number, bool& happened)
{
    pair_with_doors w;
    w.ca.state().options.validation_polls = 1;
    w.ca.state().options.issuance_polls = 1;
    const auto start = w.network->requests.size();
    const auto a = w.ask(host);
    outcome_ptr b;
    w.run_until([&] {
        if (!b && w.door->holds_locks())
            b = w.second.ask(host);
        if (!happened && w.network->requests.size() == start + number && w.door->holds_locks()) {
            w.door->lose_locks();
            happened = true;
        }
        return a->done && (!b || b->done);
    });
    if (!happened)
        return;
    BOOST_TEST(a->certificate, "request " << number);
    BOOST_TEST((!b || b->certificate), "request " << number);
    w.pass(minutes(5));
    BOOST_TEST(!w.common->dangling, "request " << number);
    BOOST_REQUIRE(w.served(host));
    BOOST_REQUIRE(w.second.served(host));
    BOOST_TEST(w.served(host)->serial() == w.second.served(host)->serial(), "request " << number);
    state kept;
    decode_object(kept, w.keys, w.keys.certificate(host), w.common->objects.at(w.keys.certificate(host)), "the test");
    BOOST_TEST(kept.certificates.at(host).certificate->serial() == w.served(host)->serial(), "request " << number);
    BOOST_TEST(!w.common->objects.contains(w.keys.order(host)), "request " << number);
    BOOST_TEST(!w.common->objects.contains(w.keys.challenge(host)), "request " << number);
    BOOST_TEST(!w.common->objects.contains(w.keys.failure(host)), "request " << number);
    BOOST_TEST(w.told<save_failed>().empty(), "request " << number);
    w.pass(day);
    BOOST_TEST(w.served(host)->serial() == w.second.served(host)->serial(), "request " << number);
}

BOOST_AUTO_TEST_CASE(a_lock_lost_at_any_moment_leaves_one_certificate)
{
    bool happened = true;
    std::size_t number = 1;
    for (; happened; ++number) {
        happened = false;
        lose_lock_at(number, happened);
    }
    BOOST_TEST(number > 8U);
}

BOOST_FIXTURE_TEST_CASE(no_lock_ends_before_what_it_guards, pair_with_doors)
{
    get("z.example.com");
    bool reached = false;
    network->decide = [&](std::size_t, const https_request& r) {
        reached = reached || r.url.find("/cert/") != std::string::npos;
        return reached ? scripted_transport::fate::lose_request : scripted_transport::fate::deliver;
    };
    refusal(host);
    BOOST_TEST(reached);
    // The order is taken up again, and fails before the store has said that it is saved.
    for (const int turns : {1, 10, 50, 200}) {
        door->turns = turns;
        pass(2 * day);
        ask(host);
        settle();
        BOOST_TEST(!common->dangling, turns);
    }
}

BOOST_FIXTURE_TEST_CASE(what_is_cut_off_serves_orders_nothing_and_comes_back, pair_with_doors)
{
    const auto c = get(host);
    settle();
    const auto at_the_ca = network->requests.size();
    second_door->interrupt();
    settle();
    BOOST_TEST(second.count<store_interrupted>() == 1U);
    BOOST_TEST(second.get(host)->serial() == c->serial());
    const auto start = clock->elapsed();
    BOOST_TEST((second.refusal("b.example.com").code() == boost::asio::error::connection_refused));
    BOOST_TEST((second.refusal("c.example.com").code() == boost::asio::error::connection_refused));
    BOOST_TEST((clock->elapsed() == start));
    BOOST_TEST(network->requests.size() == at_the_ca);
    BOOST_TEST(second.count<issuance_failed>() == 0U);

    const auto d = get("d.example.com");
    second_door->resume();
    settle();
    BOOST_TEST(second.count<store_resumed>() == 1U);
    BOOST_TEST(second.get("d.example.com")->serial() == d->serial());
    BOOST_TEST(second.get("b.example.com"));
    BOOST_TEST(get("c.example.com"));
    settle();
    BOOST_TEST(second.served("c.example.com"));
    BOOST_TEST(asked.size() == 4U);
    pass(70 * day);
    BOOST_TEST(asked.size() == 8U);
    BOOST_TEST(second.network->orders >= 1U);
}

BOOST_FIXTURE_TEST_CASE(a_failure_of_the_store_is_nobody_elses_failure, pair_with_doors)
{
    get("z.example.com");
    settle();
    second_door->interrupt();
    settle();
    second.refusal(host);
    pass(minutes(1));
    second_door->resume();
    pass(minutes(1));
    for (const auto& [key, value] : common->objects)
        BOOST_TEST(!key.starts_with(keys.failure("")), key);
    BOOST_TEST(second.get(host));
}

BOOST_AUTO_TEST_CASE(refreshes_wait_for_the_store_but_for_those_near_their_end)
{
    weather alone;
    alone.ca.state().options.lifetime = 9 * day;
    const auto common = std::make_shared<common_store>();
    const auto door = std::make_shared<store_door>(common);
    alone.await(alone.manager->async_use_store(door));
    const auto first = alone.get(host);
    alone.settle();
    alone.pass(5 * day);
    door->interrupt();
    alone.settle();
    alone.pass(2 * day);
    BOOST_TEST(alone.asked.size() == 1U);
    BOOST_TEST(!alone.replaced(first, host));
    alone.pass(day);
    BOOST_TEST(alone.replaced(first, host));
    BOOST_TEST(alone.asked.size() == 2U);
    door->resume();
    alone.pass(hours(1));
    const state_keys keys(alone.ca.directory_url());
    state kept;
    decode_object(kept, keys, keys.certificate(host), common->objects.at(keys.certificate(host)), "the test");
    BOOST_TEST(kept.certificates.at(host).certificate->serial() == alone.served(host)->serial());
}

BOOST_FIXTURE_TEST_CASE(what_is_more_urgent_but_can_wait_does_not_keep_others_from_their_refresh, pair_with_doors)
{
    ca.state().options.lifetime = 9 * day;
    const auto first = get(host);
    pass(4 * day);
    get("b.example.com");
    settle();
    door->interrupt();
    second_door->interrupt();
    const auto past = right_time() - hours(2);
    ca.state().options.window = [&](const testing::certificate_record& c) {
        const bool is_old = c.names.front() == host;
        return is_old ? testing::renewal_window(past + hours(36), past + hours(38))
                      : testing::renewal_window(past - hours(2), past);
    };
    pass(2 * day);
    BOOST_TEST(asked.size() == 2U);
    pass(2 * day);
    BOOST_TEST(asked_for(host) >= 2U);
    BOOST_TEST(replaced(first, host));
    BOOST_TEST(asked_for("b.example.com") == 1U);
}

BOOST_FIXTURE_TEST_CASE(any_message_means_that_the_store_is_there_again, pair_with_doors)
{
    get(host);
    settle();
    second_door->interrupt();
    settle();
    // As where the message itself was lost to a full queue.
    second_door->cut = false;
    second_door->tell(store_change::kind::anything);
    settle();
    BOOST_TEST(second.get("b.example.com"));
    BOOST_TEST(second.count<store_resumed>() == 1U);
}

BOOST_FIXTURE_TEST_CASE(what_changed_unheard_is_seen, pair_with_doors)
{
    const auto first = get(host);
    get("b.example.com");
    settle();
    // Of two certificates of one second either may be the newer one.
    pass(seconds(2));
    second_door->late = true;
    await(manager->async_revoke(host, revocation_reason::key_compromise));
    await(manager->async_revoke("b.example.com", revocation_reason::cessation_of_operation));
    run_until([&] { return replaced(first, host) && served(host); });
    get("c.example.com");
    manager->set_hosts({"a.example.com", "c.example.com"});
    settle();
    BOOST_TEST(second.served(host)->serial() == first->serial());
    second_door->late = false;
    second_door->tell(store_change::kind::anything);
    settle();
    BOOST_REQUIRE(second.served(host));
    BOOST_TEST(second.served(host)->serial() == served(host)->serial());
    BOOST_TEST(!second.served("b.example.com"));
    BOOST_TEST(second.served("c.example.com"));
    BOOST_TEST((second.refusal("d.example.com").code() == errc::host_not_allowed));
    BOOST_TEST(asked.size() == 4U);
}

BOOST_FIXTURE_TEST_CASE(what_changed_while_the_state_was_loaded_is_seen, weather)
{
    use_disk();
    get(host);
    settle();
    const auto slow = std::make_shared<faulty_store>(disk->behind());
    slow->inject(store_fault(operation::load).stall());
    member late(*this);
    const auto joining = start(late.manager->async_use_store(slow));
    settle();
    // More than a subscription holds.
    get("b.example.com");
    settle();
    const auto flood = [](std::shared_ptr<store> s) -> boost::asio::awaitable<void> {
        for (int n = 0; n < 1'100; ++n)
            co_await s->async_save("others/" + std::to_string(n), "1");
    };
    await(flood(disk->behind()));
    slow->resume();
    wait(joining);
    settle();
    BOOST_TEST(late.served("b.example.com"));
}

BOOST_FIXTURE_TEST_CASE(a_store_that_fails_while_it_is_read_anew_is_read_again, pair_with_doors)
{
    get(host);
    const auto third_door = std::make_shared<store_door>(common);
    const auto shaky = std::make_shared<faulty_store>(third_door);
    member third(*this);
    third.use(shaky);
    settle();
    third_door->late = true;
    get("b.example.com");
    settle();
    shaky->inject(store_fault(operation::list).times(3));
    third_door->late = false;
    third_door->tell(store_change::kind::anything);
    settle();
    BOOST_TEST(!third.served("b.example.com"));
    // What is told meanwhile is heard.
    get("c.example.com");
    settle();
    BOOST_TEST(third.served("c.example.com"));
    third_door->interrupt();
    settle();
    BOOST_TEST(third.count<store_interrupted>() == 1U);
    third_door->resume();
    pass(minutes(1));
    BOOST_TEST(third.served("b.example.com"));
    const auto lists = shaky->count(operation::list);
    pass(minutes(10));
    BOOST_TEST(shaky->count(operation::list) == lists);
}

BOOST_FIXTURE_TEST_CASE(a_lock_that_can_not_be_had_is_no_failure_of_the_host, pair_with_doors)
{
    get("z.example.com");
    const auto shaky = std::make_shared<faulty_store>(std::make_shared<store_door>(common));
    member third(*this);
    third.use(shaky);
    shaky->inject(store_fault(operation::lock));
    BOOST_TEST((third.refusal(host).code() == boost::system::errc::no_space_on_device));
    BOOST_TEST(third.get(host));
    BOOST_TEST(asked.size() == 2U);
}

BOOST_FIXTURE_TEST_CASE(one_damaged_object_does_not_hide_the_others, pair_with_doors)
{
    get(host);
    settle();
    second_door->late = true;
    common->objects[keys.certificate("0.example.com")] = "{";
    common->objects[keys.order("0.example.com")] = "[]";
    get("b.example.com");
    second_door->late = false;
    second_door->tell(store_change::kind::anything);
    settle();
    BOOST_TEST(second.served("b.example.com"));
    BOOST_TEST(second.count<state_refused>() == 2U);
    const auto loads = second_door->log.size();
    pass(minutes(2));
    BOOST_TEST(second_door->log.size() < loads + 10);
}

BOOST_AUTO_TEST_CASE(damaged_messages_are_told_of_and_harm_nothing)
{
    for (const auto* value : {"", "{", "[]", "{}", "\"\"", R"({"url":1,"key":"","hosts":[3],"chain":"","until":-1})"}) {
        pair_with_doors w([](config& c) {
            c.limits.requests = rate(100, minutes(1));
            c.limits.new_hosts = rate(100, minutes(1));
        });
        const auto c = w.get(host);
        w.settle();
        const auto& keys = w.keys;
        const std::vector<std::string> all = {keys.account(), keys.limits(), state_keys::hosts(),
            keys.certificate(host), keys.certificate("b.example.com"), keys.order(host), keys.order("b.example.com"),
            keys.failure("b.example.com")};
        std::size_t told = 0;
        for (const auto& key : all) {
            w.common->change(key, value);
            w.settle();
            BOOST_TEST(w.second.count<state_refused>() == ++told, key << " " << value);
        }
        w.common->change(keys.certificate("..."), value);
        w.common->change(keys.challenge("b.example.com"), value);
        w.common->change("others/x", value);
        w.settle();
        BOOST_TEST(w.second.served(host)->serial() == c->serial());
        BOOST_TEST(w.second.get("b.example.com"));
        w.settle();
        BOOST_TEST(w.served("b.example.com"));
        BOOST_TEST(w.get("c.example.com"));
        BOOST_TEST(w.asked.size() == 3U);
    }
}

BOOST_FIXTURE_TEST_CASE(a_hostile_challenge_does_nothing, pair_with_doors)
{
    get(host);
    settle();
    const std::string token(32, 't'), thumb(43, 'k');
    const auto challenge = [&](const std::string& type, const std::string& t, const std::string& proof) {
        return R"({"type":")" + type + R"(","token":")" + t + R"(","key_authorization":")" + proof + "\"}";
    };
    const std::vector<std::pair<std::string, std::string>> hostile = {
        {"b.example.com", challenge("dns-01", token, token + "." + thumb)},
        {"b.example.com", challenge("http-01", "../../x", "../../x." + thumb)},
        {"b.example.com", challenge("http-01", token, "<script>")},
        {"b.example.com", challenge("http-01", token, std::string(32, 'u') + "." + thumb)},
        {"b.example.com", challenge("tls-alpn-01", token, std::string(5'000, 'x'))},
        {"b.example.com", challenge("tls-alpn-01", token, token)},
        {"UPPER.example.com", challenge("tls-alpn-01", token, token + "." + thumb)},
        {"..", challenge("tls-alpn-01", token, token + "." + thumb)},
        {"", challenge("tls-alpn-01", token, token + "." + thumb)},
    };
    for (const auto& [name, value] : hostile) {
        second_door->tell(saved(keys.challenge(name), value));
        settle();
        BOOST_TEST(!second.manager->credentials()->find_challenge("b.example.com"), value);
        BOOST_TEST(!second.manager->credentials()->find_challenge(name), value);
        BOOST_TEST(!second.manager->credentials()->find_http_challenge(token), value);
        pass(minutes(1));
    }
    second_door->tell(saved(keys.challenge("b.example.com"), challenge("http-01", token, token + "." + thumb)));
    settle();
    BOOST_TEST(second.manager->credentials()->find_http_challenge(token));
    BOOST_TEST(second.get(host));
}

BOOST_FIXTURE_TEST_CASE(an_older_certificate_replaces_nothing, pair_with_doors)
{
    get(host);
    settle();
    const auto older = common->objects.at(keys.certificate(host));
    const auto first = served(host);
    run_until([&] { return replaced(first, host); });
    settle();
    const auto newer = served(host)->serial();
    second_door->tell(saved(keys.certificate(host), older));
    settle();
    BOOST_TEST(second.served(host)->serial() == newer);
    BOOST_TEST(served(host)->serial() == newer);
    pass(day);
    BOOST_TEST(asked.size() == 2U);
}

BOOST_FIXTURE_TEST_CASE(late_echoes_of_its_own_saves_change_nothing, pair_with_doors)
{
    door->late = true;
    const auto c = get(host);
    run_until([&] { return !told<renewal_suggested>().empty(); });
    get("b.example.com");
    manager->set_hosts({host});
    settle();
    manager->set_hosts({host, "b.example.com", "c.example.com"});
    settle();
    const auto saves = door->log.size();
    door->deliver();
    settle();
    BOOST_TEST(served(host) == c);
    BOOST_TEST(told<certificate_shared>().empty());
    BOOST_TEST(get("c.example.com"));
    settle();
    const auto after = door->log.size();
    BOOST_TEST(after > saves);
    pass(minutes(5));
    BOOST_TEST(door->log.size() < after + 3);
    BOOST_TEST(told<state_refused>().empty());
}

BOOST_FIXTURE_TEST_CASE(what_the_store_holds_is_what_all_have_in_the_end, pair_with_doors)
{
    // Both are changed at once, and hear of each other late.
    door->late = second_door->late = true;
    manager->set_hosts({"x.example.com"});
    second.manager->set_hosts({"y.example.com"});
    settle();
    door->deliver();
    second_door->deliver();
    settle();
    const auto saves = [this] {
        const auto is_news = [](const std::string& key) { return key.find("/nodes/") == key.npos; };
        return std::ranges::count_if(door->log, is_news) + std::ranges::count_if(second_door->log, is_news);
    };
    const auto before = saves();
    const bool x = common->objects.at(state_keys::hosts()).find("x.example.com") != std::string::npos;
    BOOST_TEST((refusal(x ? "y.example.com" : "x.example.com").code() == errc::host_not_allowed));
    BOOST_TEST((second.refusal(x ? "y.example.com" : "x.example.com").code() == errc::host_not_allowed));
    pass(minutes(5));
    BOOST_TEST(saves() == before);
}

BOOST_FIXTURE_TEST_CASE(a_subscription_that_breaks_is_begun_again, pair_with_doors)
{
    get(host);
    settle();
    second_door->break_subscription();
    settle();
    get("b.example.com");
    pass(minutes(1));
    BOOST_TEST(second.served("b.example.com"));
    get("c.example.com");
    settle();
    BOOST_TEST(second.served("c.example.com"));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
