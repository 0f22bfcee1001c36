#include "manager/http_challenge_index.hpp"

#include "kit/ca.hpp"
#include "manager/credential_index.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace acme::test {
namespace {

using std::chrono::seconds;

const std::string token = "abcdefghijklmnopqrstuvwxyz-_012345";

http_challenge_ptr challenge_of(const std::string& host)
{
    return std::make_shared<const http_challenge>(host, token + ".thumbprint");
}

struct index_fixture
{
    std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
    http_challenge_index index{clock};
};

BOOST_FIXTURE_TEST_SUITE(index_of_http_challenges, index_fixture)

BOOST_AUTO_TEST_CASE(a_token_is_found_exactly)
{
    const auto c = challenge_of("a.example.com");
    index.insert(token, c);
    BOOST_TEST((index.find(token) == c));
    const std::vector<std::string> others{std::string(), token + "a", token.substr(1), "A" + token.substr(1),
        token + "/", token + "?", token + std::string(1, '\0'), "%61" + token.substr(1), "../" + token,
        std::string(1'000'000, 'a')};
    for (const auto& other : others)
        BOOST_TEST((index.find(other) == nullptr), other.substr(0, 60));
}

BOOST_AUTO_TEST_CASE(it_is_found_until_the_grace_after_its_retirement_is_over)
{
    const auto c = challenge_of("a.example.com");
    index.insert(token, c);
    clock->advance(std::chrono::hours(1));
    BOOST_TEST((index.find(token) == c));
    index.retire(token, c, seconds(10));
    clock->advance(seconds(9));
    BOOST_TEST((index.find(token) == c));
    clock->advance(seconds(1));
    BOOST_TEST((index.find(token) == nullptr));
}

BOOST_AUTO_TEST_CASE(what_is_pending_anew_is_not_retired)
{
    const auto first = challenge_of("a.example.com");
    const auto second = challenge_of("a.example.com");
    index.insert(token, first);
    index.retire(token, first, seconds(10));
    index.insert(token, second);
    index.retire(token, first, seconds(10));
    index.retire("another-token-another-token", second, seconds(10));
    clock->advance(std::chrono::hours(1));
    index.insert("another-token-another-token", first);
    BOOST_TEST((index.find(token) == second));
}

BOOST_AUTO_TEST_CASE(what_is_over_is_forgotten)
{
    for (int n = 0; n < 1'000; ++n) {
        const auto c = challenge_of("a.example.com");
        const auto name = token + std::to_string(n);
        index.insert(name, c);
        index.retire(name, c, seconds(10));
        clock->advance(seconds(1));
    }
    BOOST_TEST(index.size() <= 11U);
}

BOOST_AUTO_TEST_CASE(readers_find_whole_challenges_while_others_come_and_go)
{
    std::atomic<bool> over = false;
    std::atomic<unsigned> wrong = 0;
    index.insert(token, challenge_of("a.example.com"));
    auto read = [&] {
        while (!over) {
            const auto c = index.find(token);
            if (!c || c->host != "a.example.com" || c->key_authorization != token + ".thumbprint")
                ++wrong;
            const auto passing = index.find(token + "7");
            if (passing && passing->host != "b.example.com")
                ++wrong;
        }
    };
    std::vector<std::thread> readers;
    for (int n = 0; n < 2; ++n)
        readers.emplace_back(read);
    for (int n = 0; n < 2'000; ++n) {
        const auto passing = challenge_of("b.example.com");
        index.insert(token + std::to_string(n % 10), passing);
        index.retire(token + std::to_string(n % 10), passing, seconds(0));
        index.insert(token, challenge_of("a.example.com"));
    }
    over = true;
    for (auto& each : readers)
        each.join();
    BOOST_TEST(wrong == 0U);
}

BOOST_AUTO_TEST_CASE(it_is_reached_through_the_credentials)
{
    credential_index all(clock);
    const credentials& door = all;
    const auto c = challenge_of("a.example.com");
    BOOST_TEST((door.find_http_challenge(token) == nullptr));
    all.http_challenges.insert(token, c);
    BOOST_TEST((door.find_http_challenge(token) == c));
}

BOOST_AUTO_TEST_CASE(credentials_without_http_challenges_have_none)
{
    struct certificates_only final : credentials
    {
        certificate_ptr find(std::string_view) const noexcept override { return nullptr; }
        certificate_ptr find_challenge(std::string_view) const noexcept override { return nullptr; }
    };
    BOOST_TEST((certificates_only().find_http_challenge(token) == nullptr));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
