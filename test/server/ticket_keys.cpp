#include "server/greeter.hpp"

#include <acme/testing/manual_clock.hpp>

#include <boost/test/data/test_case.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <random>
#include <thread>

namespace acme::test {
namespace {

namespace data = boost::unit_test::data;
using keys_ptr = std::shared_ptr<ticket_keys>;

keys_ptr make_keys(std::shared_ptr<clock> time, std::chrono::seconds interval = 1h, unsigned kept = 3)
{
    ticket_key_options options;
    options.clock = std::move(time);
    options.interval = interval;
    options.kept = kept;
    return std::make_shared<ticket_keys>(options);
}

// Several servers of one host, one for each object.
struct fleet
{
    fleet(bench& b, const std::vector<keys_ptr>& keys)
    {
        auto credentials = std::make_shared<laid_credentials>();
        credentials->certificates["a.example"] = make_certificate_for({"a.example"});
        for (const auto& each : keys) {
            server_context_options options;
            options.ticket_keys = each;
            servers.push_back(std::make_unique<greeter<>>(b));
            servers.back()->context = make_server_context(credentials, options);
        }
    }

    client_result visit(bench& b, std::size_t server, int version, SSL_SESSION* session = nullptr)
    {
        client_offer offer("a.example", version);
        offer.session = session;
        auto got = b.run(connect(servers[server]->port(), offer));
        BOOST_TEST(got.text == "hello");
        return got;
    }

    std::vector<std::unique_ptr<greeter<>>> servers;
};

BOOST_AUTO_TEST_SUITE(ticket_keys)

BOOST_DATA_TEST_CASE(tickets_are_good_where_the_keys_are, data::make(versions), version)
{
    bench b;
    auto time = std::make_shared<testing::manual_clock>();
    auto shared = make_keys(time);
    fleet f(b, {shared, shared, make_keys(time), nullptr});
    auto first = f.visit(b, 0, version);
    BOOST_TEST_REQUIRE(first.session);
    BOOST_TEST(f.visit(b, 0, version, first.session.get()).resumed);
    BOOST_TEST(f.visit(b, 1, version, first.session.get()).resumed);
    BOOST_TEST(!f.visit(b, 2, version, first.session.get()).resumed);
    BOOST_TEST(!f.visit(b, 3, version, first.session.get()).resumed);
}

BOOST_DATA_TEST_CASE(a_ticket_is_accepted_and_renewed_for_the_life_of_its_key, data::make(versions), version)
{
    bench b;
    auto time = std::make_shared<testing::manual_clock>();
    fleet f(b, {make_keys(time, 1h, 2)});
    auto first = f.visit(b, 0, version);
    // TLS 1.2: a ticket of the current key is not replaced.
    auto fresh = f.visit(b, 0, version, first.session.get());
    BOOST_TEST(fresh.resumed);
    BOOST_TEST(bool(fresh.session) == (version == TLS1_3_VERSION));
    time->advance(2h);
    auto late = f.visit(b, 0, version, first.session.get());
    BOOST_TEST(late.resumed);
    BOOST_TEST_REQUIRE(late.session);
    time->advance(1h);
    BOOST_TEST(!f.visit(b, 0, version, first.session.get()).resumed);
    BOOST_TEST(f.visit(b, 0, version, late.session.get()).resumed);
}

BOOST_AUTO_TEST_CASE(keys_change_by_time_and_are_forgotten)
{
    auto time = std::make_shared<testing::manual_clock>();
    auto keys = make_keys(time, 1h, 2);
    // Header, digest, and the keys of this interval and the next.
    const auto first = keys->marshal();
    const std::size_t a_key = 64;
    const auto secret = first.substr(19 + 16, 48);
    BOOST_TEST(first.size() == 19 + 2 * a_key + 32);
    time->advance(59min);
    BOOST_TEST(keys->marshal() == first);
    time->advance(1min + 1h);
    BOOST_TEST(keys->marshal().size() == 19 + 4 * a_key + 32);
    BOOST_TEST(keys->marshal().find(secret) != std::string::npos);
    time->advance(1h);
    BOOST_TEST(keys->marshal().size() == 19 + 4 * a_key + 32);
    BOOST_TEST(keys->marshal().find(secret) == std::string::npos);
    // What is over does not come back.
    keys->merge(first);
    BOOST_TEST(keys->marshal().find(secret) == std::string::npos);
    // A clock that jumps leaves no hole.
    time->advance(1000h);
    BOOST_TEST(keys->marshal().size() == 19 + 2 * a_key + 32);
    time->set(testing::manual_clock::default_start);
    BOOST_TEST(keys->marshal().size() == 19 + 2 * a_key + 32);
}

BOOST_DATA_TEST_CASE(merged_keys_are_good_everywhere, data::make(versions), version)
{
    bench b;
    auto time = std::make_shared<testing::manual_clock>();
    auto group = make_keys(time);
    time->advance(10s);
    auto joining = make_keys(time);
    fleet f(b, {group, joining});
    auto before = f.visit(b, 0, version);
    BOOST_TEST(!f.visit(b, 1, version, before.session.get()).resumed);
    auto text = group->marshal();
    // The keys that were there first stay: no client of the group is forgotten because another machine joins.
    group->merge(joining->marshal());
    BOOST_TEST(group->marshal() == text);
    joining->merge(text);
    BOOST_TEST(joining->marshal() == text);
    BOOST_TEST(f.visit(b, 1, version, before.session.get()).resumed);
    // They have agreed on the next key, too, but on no later one.
    time->advance(1h);
    auto later = f.visit(b, 1, version);
    BOOST_TEST(f.visit(b, 0, version, later.session.get()).resumed);
    time->advance(1h);
    later = f.visit(b, 1, version);
    BOOST_TEST(!f.visit(b, 0, version, later.session.get()).resumed);
}

BOOST_AUTO_TEST_CASE(merging_is_commutative_associative_and_idempotent)
{
    auto time = std::make_shared<testing::manual_clock>();
    std::mt19937 random(1);
    for (int round = 0; round < 50; ++round) {
        std::vector<std::string> texts;
        for (int i = 0; i < 4; ++i) {
            auto one = make_keys(time);
            time->advance(std::chrono::minutes(random() % 120));
            texts.push_back(one->marshal());
        }
        // What is made from here on loses against all that was made before.
        time->advance(1s);
        auto merged = [&](std::vector<std::size_t> order) {
            auto all = make_keys(time);
            for (auto i : order)
                all->merge(texts[i]);
            return all->marshal();
        };
        auto pair = make_keys(time);
        pair->merge(texts[2]);
        pair->merge(texts[3]);
        auto of_pair = make_keys(time);
        of_pair->merge(pair->marshal());
        of_pair->merge(texts[1]);
        of_pair->merge(texts[0]);
        // Where no text has a key, each object has made its own.
        auto keys_of = [&](const std::string& text) {
            std::vector<std::string> common;
            for (std::size_t at = 19; at + 64 + 32 <= text.size(); at += 64)
                if (std::any_of(texts.begin(), texts.end(),
                        [&](const auto& t) { return t.find(text.substr(at, 64)) != std::string::npos; }))
                    common.push_back(text.substr(at, 64));
            return common;
        };
        auto one = keys_of(merged({0, 1, 2, 3}));
        BOOST_TEST((one == keys_of(merged({3, 2, 1, 0}))));
        BOOST_TEST((one == keys_of(merged({2, 0, 2, 3, 1, 1, 0}))));
        BOOST_TEST((one == keys_of(of_pair->marshal())));
        BOOST_TEST(one.size() >= 1U);
    }
}

BOOST_AUTO_TEST_CASE(keys_of_other_times_are_passed_over)
{
    auto time = std::make_shared<testing::manual_clock>();
    auto far = std::make_shared<testing::manual_clock>();
    auto keys = make_keys(time);
    const auto before = keys->marshal();
    for (auto d : {std::chrono::hours(4), std::chrono::hours(100'000)}) {
        far->set(testing::manual_clock::default_start + d);
        keys->merge(make_keys(far)->marshal());
        far->set(testing::manual_clock::default_start - d - 1h);
        keys->merge(make_keys(far)->marshal());
    }
    // No interval of an hour begins there.
    far->set(testing::manual_clock::default_start + 30min);
    keys->merge(make_keys(far, 30min)->marshal());
    far->set(std::chrono::system_clock::time_point(std::chrono::hours(24 * 365 * 200)));
    keys->merge(make_keys(far, std::chrono::hours(24 * 365))->marshal());
    far->set(std::chrono::system_clock::time_point(-1h));
    keys->merge(make_keys(far)->marshal());
    const auto after = keys->marshal();
    BOOST_TEST(after.substr(0, 19) == before.substr(0, 19));
    BOOST_TEST(after == before);
}

BOOST_AUTO_TEST_CASE(what_is_no_such_string_changes_nothing)
{
    auto time = std::make_shared<testing::manual_clock>();
    auto keys = make_keys(time);
    const auto before = keys->marshal();
    const auto good = make_keys(time)->marshal();
    auto outcome = [&](const std::string& text) {
        try {
            keys->merge(text);
            return boost::system::error_code();
        } catch (const error& e) {
            return e.code();
        }
    };
    for (std::size_t i = 0; i < good.size(); ++i) {
        BOOST_TEST(bool(outcome(good.substr(0, i))));
        for (int bit = 0; bit < 8; ++bit) {
            auto changed = good;
            changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
            BOOST_TEST((outcome(changed) == make_error_code(i < 19 ? errc::foreign_state : errc::damaged_state)));
        }
    }
    BOOST_TEST(bool(outcome(good + "x")));
    BOOST_TEST(bool(outcome("asio-acme-state 1")));
    BOOST_TEST(keys->marshal() == before);
}

BOOST_AUTO_TEST_CASE(options_have_their_range)
{
    BOOST_CHECK_THROW(make_keys(nullptr, 0s), std::invalid_argument);
    BOOST_CHECK_THROW(make_keys(nullptr, std::chrono::seconds::max()), std::invalid_argument);
    BOOST_CHECK_THROW(make_keys(nullptr, 1h, 101), std::invalid_argument);
    auto none = make_keys(std::make_shared<testing::manual_clock>(), 1s, 0);
    BOOST_TEST(none->marshal().size() == 19 + 2 * 64 + 32);
}

// A handshake in memory; whether it was resumed.
bool shake(SSL_CTX* server_context, SSL_CTX* client_context, SSL_SESSION* session)
{
    bssl::UniquePtr<SSL> server(SSL_new(server_context)), client(SSL_new(client_context));
    BIO* one = nullptr;
    BIO* other = nullptr;
    BIO_new_bio_pair(&one, 0, &other, 0);
    SSL_set_bio(server.get(), one, one);
    SSL_set_bio(client.get(), other, other);
    SSL_set_tlsext_host_name(client.get(), "a.example");
    if (session)
        SSL_set_session(client.get(), session);
    SSL_set_accept_state(server.get());
    SSL_set_connect_state(client.get());
    bool shaken = false;
    for (int i = 0; i < 10 && !shaken; ++i) {
        const bool client_done = SSL_do_handshake(client.get()) == 1;
        shaken = SSL_do_handshake(server.get()) == 1 && client_done;
    }
    // Tickets travel with the first data.
    char octet = 0;
    SSL_write(server.get(), &octet, 1);
    SSL_read(client.get(), &octet, 1);
    return shaken && SSL_session_reused(server.get()) == 1;
}

int kept_index()
{
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

int keep(SSL* tls, SSL_SESSION* session)
{
    auto* kept = static_cast<bssl::UniquePtr<SSL_SESSION>*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(tls), kept_index()));
    kept->reset(session);
    return 1;
}

BOOST_AUTO_TEST_CASE(threads_issue_and_accept_tickets_while_keys_change)
{
    auto time = std::make_shared<testing::manual_clock>();
    auto keys = make_keys(time, 1s, 100);
    auto credentials = std::make_shared<laid_credentials>();
    credentials->certificates["a.example"] = make_certificate_for({"a.example"});
    server_context_options options;
    options.ticket_keys = keys;
    auto server = make_server_context(credentials, options);
    std::atomic<int> resumed = 0;
    std::atomic<bool> done = false;
    // Intervals that have passed, and when each visitor's newest session was issued, at the earliest.
    std::atomic<int> now = 0;
    std::array<std::atomic<int>, 4> newest{};
    auto visit = [&](std::atomic<int>& issued) {
        asio::ssl::context client(asio::ssl::context::tls_client);
        bssl::UniquePtr<SSL_SESSION> session;
        SSL_CTX_set_session_cache_mode(client.native_handle(), SSL_SESS_CACHE_CLIENT);
        SSL_CTX_sess_set_new_cb(client.native_handle(), &keep);
        SSL_CTX_set_ex_data(client.native_handle(), kept_index(), &session);
        for (int i = 0; i < 50; ++i) {
            auto before = std::move(session);
            const int begun = now;
            resumed += shake(server.native_handle(), client.native_handle(), before.get());
            issued = begun;
            while (now < begun + 10)
                std::this_thread::sleep_for(1ms);
        }
        issued = std::numeric_limits<int>::max();
    };
    // No session gets older than half of its key's life.
    auto is_young = [&](const std::atomic<int>& issued) { return now - issued < 50; };
    auto change = [&] {
        while (!done) {
            if (std::ranges::all_of(newest, is_young)) {
                time->advance(1s);
                ++now;
            }
            keys->merge(make_keys(time, 1s)->marshal());
            std::this_thread::sleep_for(1ms);
        }
    };
    std::thread changing(change);
    std::vector<std::thread> visitors;
    for (auto& issued : newest)
        visitors.emplace_back(visit, std::ref(issued));
    for (auto& each : visitors)
        each.join();
    done = true;
    changing.join();
    // But for each thread's first.
    BOOST_TEST(resumed == 4 * 49);
}

int switch_context(
    SSL* tls, const std::uint8_t** out, std::uint8_t* out_length, const std::uint8_t* in, unsigned, void* other)
{
    SSL_set_SSL_CTX(tls, static_cast<SSL_CTX*>(other));
    *out_length = in[0];
    *out = in + 1;
    return SSL_TLSEXT_ERR_OK;
}

BOOST_DATA_TEST_CASE(
    a_connection_that_the_application_switches_to_a_context_without_keys_fails_by_itself, data::make(versions), version)
{
    bench b;
    fleet f(b, {make_keys(nullptr)});
    auto& server = *f.servers.front();
    asio::ssl::context other(asio::ssl::context::tls_server);
    SSL_CTX_set_alpn_select_cb(server.context.native_handle(), &switch_context, other.native_handle());
    client_offer offer("a.example", version);
    offer.protocols = {"http/1.1"};
    b.run(connect(server.port(), offer));
    wait_for_ends(b, server.ends, 1);
    BOOST_TEST(bool(server.ends[0].code));
    f.visit(b, 0, version);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
