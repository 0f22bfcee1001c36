#include "manager/state.hpp"

#include "manager/certificates.hpp"

#include <acme/client.hpp>
#include <acme/error.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <functional>
#include <string>
#include <vector>

namespace acme::test {
namespace {

namespace json = boost::json;
using std::chrono::seconds;

const std::string directory = "https://ca.test/directory";

state full_state()
{
    state s;
    s.account.emplace();
    s.account->private_key = key::generate();
    s.account->url = "https://ca.test/account/1";
    s.hosts = std::set<std::string>{"a.example.com", "b.example.com"};
    s.limits.emplace();
    s.limits->requests = token_bucket::saved(7.5, chain_time);
    s.limits->new_hosts = token_bucket::saved(0.25, chain_time + seconds(3));
    auto& served = s.certificates["a.example.com"];
    served.certificate = make_served({"a.example.com", "www.a.example.com"});
    served.plan.refresh_at = chain_time + std::chrono::hours(24 * 60);
    served.plan.window.emplace(chain_time + std::chrono::hours(24 * 59), chain_time + std::chrono::hours(24 * 61));
    served.plan.failures = 3;
    served.plan.failed_at = chain_time - seconds(7);
    served.plan.retry_at = chain_time + seconds(60);
    served.plan.hurried = 2;
    served.last_problem = "the CA's rate limit is reached";
    served.challenge = "http-01";
    served.failed_challenge = "tls-alpn-01";
    auto& order = s.orders["b.example.com"];
    order.url = "https://ca.test/order/2";
    order.certificate_key = key::generate();
    order.attempts = 2;
    auto& pause = s.limits->pauses["example.com"];
    pause.until = chain_time + std::chrono::hours(3);
    pause.count = 1;
    pause.why = "too many certificates already issued";
    auto& failed = s.failures["c.example.com"];
    failed.until = chain_time + std::chrono::minutes(10);
    failed.count = 2;
    failed.why = "nobody answers";
    failed.failed_challenge = "http-01";
    failed.unreachable = true;
    return s;
}

std::optional<error> refusal(const std::string& object_key, const std::string& value)
{
    state s;
    try {
        decode_object(s, state_keys(directory), object_key, value, "file /tmp/x.cache");
    } catch (const error& e) {
        return e;
    }
    return std::nullopt;
}

bool names_place_and_key(const error& e, const std::string& object_key)
{
    const std::string what = e.what();
    return what.find("/tmp/x.cache") != what.npos && what.find(object_key) != what.npos;
}

// What the first version did not save yet.
bool is_later(std::string_view member)
{
    return member == "challenge" || member == "failed_challenge" || member == "unreachable";
}

BOOST_AUTO_TEST_SUITE(saved_state)

BOOST_AUTO_TEST_CASE(everything_survives_the_round_trip)
{
    const state_keys keys(directory);
    const state before = full_state();
    const state after = decode(encode(before, keys), keys, "test");
    BOOST_REQUIRE(after.account);
    BOOST_TEST((after.account->private_key == before.account->private_key));
    BOOST_TEST(after.account->url == before.account->url);
    BOOST_TEST((after.hosts == before.hosts));
    BOOST_REQUIRE(after.limits);
    BOOST_TEST((after.limits->requests == before.limits->requests));
    BOOST_TEST((after.limits->new_hosts == before.limits->new_hosts));
    BOOST_REQUIRE(after.certificates.size() == 1U);
    const auto& served = after.certificates.at("a.example.com");
    BOOST_TEST(served.certificate->chain_pem() == before.certificates.at("a.example.com").certificate->chain_pem());
    BOOST_TEST(
        (served.certificate->private_key() == before.certificates.at("a.example.com").certificate->private_key()));
    BOOST_TEST((served.plan == before.certificates.at("a.example.com").plan));
    BOOST_TEST(served.last_problem == "the CA's rate limit is reached");
    BOOST_TEST(served.challenge == "http-01");
    BOOST_TEST(served.failed_challenge == "tls-alpn-01");
    BOOST_REQUIRE(after.orders.size() == 1U);
    const auto& order = after.orders.at("b.example.com");
    BOOST_TEST(order.url == "https://ca.test/order/2");
    BOOST_TEST((order.certificate_key == before.orders.at("b.example.com").certificate_key));
    BOOST_TEST(order.attempts == 2U);
    BOOST_REQUIRE(after.limits->pauses.size() == 1U);
    BOOST_TEST((after.limits->pauses.at("example.com").until == chain_time + std::chrono::hours(3)));
    BOOST_REQUIRE(after.failures.size() == 1U);
    const auto& failed = after.failures.at("c.example.com");
    BOOST_TEST((failed.until == chain_time + std::chrono::minutes(10)));
    BOOST_TEST(failed.count == 2U);
    BOOST_TEST(failed.why == "nobody answers");
    BOOST_TEST(failed.failed_challenge == "http-01");
    BOOST_TEST(failed.unreachable);
    BOOST_TEST((encode(after, keys) == encode(before, keys)));
}

BOOST_AUTO_TEST_CASE(an_empty_state_stays_empty_and_an_empty_list_of_hosts_stays_a_list)
{
    const state_keys keys(directory);
    BOOST_TEST(encode(state(), keys).empty());
    const state nothing = decode({}, keys, "test");
    BOOST_TEST(!nothing.account);
    BOOST_TEST(!nothing.hosts);
    BOOST_TEST(!nothing.limits);
    state none_allowed;
    none_allowed.hosts.emplace();
    const state after = decode(encode(none_allowed, keys), keys, "test");
    BOOST_REQUIRE(after.hosts);
    BOOST_TEST(after.hosts->empty());
}

BOOST_AUTO_TEST_CASE(one_object_is_encoded_as_in_the_whole)
{
    const state_keys keys(directory);
    const state s = full_state();
    const objects all = encode(s, keys);
    BOOST_TEST(all.size() == 6U);
    for (const auto& [name, value] : all) {
        BOOST_TEST((encode_object(s, keys, name) == value), name);
        BOOST_TEST(is_valid_key(name));
        BOOST_TEST(is_valid_value(value));
        BOOST_TEST(!encode_object(state(), keys, name), name);
    }
    BOOST_TEST(!encode_object(s, keys, keys.certificate("b.example.com")));
    BOOST_TEST(!encode_object(s, keys, keys.order("a.example.com")));
    BOOST_TEST(!encode_object(s, keys, "something/else"));
    BOOST_TEST(!encode_object(s, keys, ""));
}

BOOST_AUTO_TEST_CASE(an_account_that_the_ca_has_not_confirmed_keeps_its_key)
{
    const state_keys keys(directory);
    state s;
    s.account.emplace();
    s.account->private_key = key::generate();
    const state after = decode(encode(s, keys), keys, "test");
    BOOST_REQUIRE(after.account);
    BOOST_TEST(after.account->url.empty());
    BOOST_TEST((after.account->private_key == s.account->private_key));
}

BOOST_AUTO_TEST_CASE(the_longest_host_of_the_longest_directory_makes_a_valid_key)
{
    const state_keys keys("https://" + std::string(1'000, 'A') + "/directory?x=1#y");
    const std::string host = std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + "." +
        std::string(57, 'd') + ".com";
    BOOST_TEST(host.size() == 253U);
    BOOST_TEST(is_valid_key(keys.certificate(host)));
    BOOST_TEST(is_valid_key(keys.order(host)));
    BOOST_TEST(is_valid_key(keys.account()));
    BOOST_TEST(is_valid_key(state_keys::hosts()));
}

BOOST_AUTO_TEST_CASE(another_cas_objects_are_neither_read_nor_touched)
{
    const state_keys production(lets_encrypt);
    const state_keys staging(lets_encrypt_staging);
    const objects all = encode(full_state(), production);
    const state seen = decode(all, staging, "test");
    BOOST_TEST(!seen.account);
    BOOST_TEST(!seen.limits);
    BOOST_TEST(seen.certificates.empty());
    BOOST_TEST(seen.orders.empty());
    // The allow-list is the server's own.
    BOOST_TEST(seen.hosts.has_value());
    for (const auto& [name, value] : all)
        if (name != state_keys::hosts())
            BOOST_TEST(!encode_object(full_state(), staging, name), name);
}

BOOST_AUTO_TEST_CASE(directories_that_differ_have_different_keys)
{
    const std::vector<std::string> urls{std::string(lets_encrypt), std::string(lets_encrypt_staging),
        "https://ca.test/directory", "https://ca.test:14000/directory", "https://ca.test/dir",
        "https://other.test/directory", "https://ca.test/directory/a"};
    std::set<std::string> prefixes;
    for (const auto& url : urls)
        prefixes.insert(state_keys(url).prefix());
    BOOST_TEST(prefixes.size() == urls.size());
}

BOOST_AUTO_TEST_CASE(objects_of_later_versions_are_left_alone)
{
    const state_keys keys(directory);
    BOOST_TEST(!refusal(keys.prefix() + "renewal/a.example.com", "not JSON"));
    BOOST_TEST(!refusal(keys.prefix() + "account2", "{}"));
    BOOST_TEST(!refusal("hosts2", "17"));
    BOOST_TEST(!refusal("other_directory/account", "nonsense"));
    BOOST_TEST(!refusal(keys.prefix(), "nonsense"));
    // And so are members that are not known here.
    auto o = json::parse(encode(*full_state().account)).as_object();
    o["later"] = 1;
    BOOST_TEST(!refusal(keys.account(), json::serialize(o)));
}

BOOST_AUTO_TEST_CASE(damage_is_refused_with_its_place_and_key)
{
    const state_keys keys(directory);
    for (const auto& [name, good] : encode(full_state(), keys)) {
        BOOST_TEST(!refusal(name, good), name);
        auto members = json::parse(good).as_object();
        std::vector<std::string> bad{"", "null", "[]", "17", "\"text\"", "{", good + "x",
            good.substr(0, good.size() / 2), "{}", std::string(100'000, '['), "\xff\xfe"};
        for (const auto& member : members) {
            const std::vector<json::value> wrong{
                nullptr, true, -1, 1.5, 1e300, "", "x", json::array{1}, json::object{}};
            for (const auto& value : wrong) {
                auto changed = members;
                changed[member.key()] = value;
                // A URL is any text, as are those for people, and a number may be small; everything else is refused.
                const bool any_text = member.key() == "url" || member.key() == "why" ||
                    member.key() == "last_problem" || is_later(member.key());
                if (value == json::value(member.value()) || (value.is_string() && any_text))
                    continue;
                bad.push_back(json::serialize(changed));
            }
            if (is_later(member.key()))
                continue;
            auto without = members;
            without.erase(member.key());
            bad.push_back(json::serialize(without));
        }
        for (const auto& text : bad) {
            const auto e = refusal(name, text);
            BOOST_REQUIRE_MESSAGE(e, name << " accepted: " << text.substr(0, 200));
            BOOST_TEST((e->code() == errc::damaged_state));
            BOOST_TEST(names_place_and_key(*e, name), e->what());
            BOOST_TEST(std::string(e->what()).find("PRIVATE KEY") == std::string::npos);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_state_of_the_first_version_is_read)
{
    const state_keys keys(directory);
    objects old;
    std::size_t left_out = 0;
    for (const auto& [name, value] : encode(full_state(), keys)) {
        auto members = json::parse(value).as_object();
        for (const char* later : {"challenge", "failed_challenge", "unreachable"})
            left_out += members.erase(later);
        old[name] = json::serialize(members);
    }
    BOOST_TEST(left_out == 4U);
    old[keys.failure("d.example.com")] = R"({"until":1780000000,"count":2,"why":"nobody answers","since":1779999000})";
    const state read = decode(old, keys, "test");
    BOOST_TEST(read.certificates.at("a.example.com").challenge.empty());
    BOOST_TEST(read.certificates.at("a.example.com").failed_challenge.empty());
    BOOST_TEST((read.certificates.at("a.example.com").plan == full_state().certificates.at("a.example.com").plan));
    BOOST_TEST(read.failures.at("c.example.com").failed_challenge.empty());
    BOOST_TEST(!read.failures.at("c.example.com").unreachable);
    BOOST_TEST(read.failures.at("d.example.com").count == 2U);
    // What says nothing new is written as it was.
    BOOST_TEST((encode(read, keys) == old));
}

BOOST_AUTO_TEST_CASE(a_key_that_names_no_host_is_refused)
{
    const state_keys keys(directory);
    const auto order = encode(full_state().orders.begin()->second);
    for (const std::string name : {"", "A.example.com", "a..b", "../account", "localhost", "*.example.com", "1.2.3.4",
             "a.example.com.", "a.example.com/x"})
        BOOST_TEST(refusal(keys.order(name), order).has_value(), name);
}

BOOST_AUTO_TEST_CASE(a_certificate_is_not_taken_for_another_host_or_with_another_key)
{
    const state_keys keys(directory);
    const auto good = encode(full_state().certificates.begin()->second);
    BOOST_TEST(!refusal(keys.certificate("a.example.com"), good));
    BOOST_TEST(!refusal(keys.certificate("www.a.example.com"), good));
    const auto other_host = refusal(keys.certificate("bank.example.com"), good);
    BOOST_REQUIRE(other_host);
    BOOST_TEST((other_host->code() == errc::damaged_state));
    auto o = json::parse(good).as_object();
    o["key"] = key::generate().to_pem();
    BOOST_TEST(refusal(keys.certificate("a.example.com"), json::serialize(o)).has_value());
}

BOOST_AUTO_TEST_CASE(a_token_is_taken_or_the_wait_for_it_is_told)
{
    state s;
    const rate pace(2, seconds(60));
    const auto bucket = &limit_record::requests;
    BOOST_TEST((take_token(s, bucket, pace, chain_time) == seconds(0)));
    BOOST_TEST((take_token(s, bucket, pace, chain_time) == seconds(0)));
    const auto wait = take_token(s, bucket, pace, chain_time + seconds(20));
    BOOST_TEST((wait > seconds(39)));
    BOOST_TEST((wait <= seconds(41)));
    // The buckets are two.
    BOOST_TEST((take_token(s, &limit_record::new_hosts, pace, chain_time) == seconds(0)));
    BOOST_TEST((take_token(s, bucket, pace, chain_time + seconds(61)) == seconds(0)));
    BOOST_TEST((take_token(s, bucket, pace, chain_time + seconds(61)) > seconds(50)));
}

BOOST_AUTO_TEST_CASE(the_buckets_fill_survives_a_restart)
{
    const state_keys keys(directory);
    const rate pace(5, seconds(60));
    state s;
    for (int n = 0; n < 5; ++n)
        BOOST_TEST((take_token(s, &limit_record::requests, pace, chain_time) == seconds(0)));
    state after = decode(encode(s, keys), keys, "test");
    BOOST_TEST((take_token(after, &limit_record::requests, pace, chain_time + seconds(1)) > seconds(50)));
    BOOST_TEST((take_token(after, &limit_record::requests, pace, chain_time + seconds(61)) == seconds(0)));
}

BOOST_AUTO_TEST_CASE(no_limit_never_waits)
{
    state s;
    for (int n = 0; n < 1'000; ++n)
        BOOST_REQUIRE((take_token(s, &limit_record::requests, rate::unlimited(), chain_time) == seconds(0)));
}

BOOST_AUTO_TEST_CASE(of_too_many_failures_those_that_end_first_are_forgotten)
{
    state s;
    const auto remember = [&s](const std::string& host, int end) {
        pause_record p;
        p.until = chain_time + seconds(end);
        return remember_failure(s, host, p, 160);
    };
    for (int n = 0; n < 160; ++n)
        BOOST_TEST(remember(std::to_string(n), n * 37 % 160).empty());
    BOOST_TEST(remember("0", 0).empty());
    // Some at a time, so that a flood of names costs little.
    const auto forgotten = remember("new", 1000);
    BOOST_TEST(forgotten.size() == 11U);
    BOOST_TEST(s.failures.size() == 150U);
    BOOST_TEST(s.failures.contains("new"));
    for (const auto& [host, p] : s.failures)
        BOOST_TEST((p.until > chain_time + seconds(10)));
    for (const auto& host : forgotten)
        BOOST_TEST(!s.failures.contains(host));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
