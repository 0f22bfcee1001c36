#include "protocol/challenge_token.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

namespace acme::test {
namespace {

BOOST_AUTO_TEST_SUITE(challenge_token)

BOOST_AUTO_TEST_CASE(only_base64url_of_a_sensible_length_is_a_token)
{
    const std::string good = "AZaz09-_AZaz09-_AZaz09-_";
    BOOST_TEST(is_challenge_token(good));
    BOOST_TEST(is_challenge_token(std::string(22, '-')));
    BOOST_TEST(is_challenge_token(std::string(256, '_')));
    BOOST_TEST(!is_challenge_token(""));
    BOOST_TEST(!is_challenge_token(std::string(21, 'a')));
    BOOST_TEST(!is_challenge_token(std::string(257, 'a')));
    BOOST_TEST(!is_challenge_token(std::string(1'000'000, 'a')));
    for (int octet = 0; octet < 256; ++octet) {
        const char c = static_cast<char>(octet);
        const bool fine = good.find(c) != std::string::npos || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            (c >= '0' && c <= '9');
        BOOST_TEST(is_challenge_token(good + c) == fine, octet);
        BOOST_TEST(is_challenge_token(c + good) == fine, octet);
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
