#include "manager/self_check_key.hpp"

#include "protocol/challenge_token.hpp"

#include <acme/error.hpp>

#include <boost/test/unit_test.hpp>

namespace acme::test {
namespace {

BOOST_AUTO_TEST_SUITE(check_key)

BOOST_AUTO_TEST_CASE(whoever_has_it_answers_the_tokens_of_the_others)
{
    self_check_key one, other;
    const auto token = one.make_token();
    BOOST_TEST(is_challenge_token(token));
    BOOST_TEST(token != one.make_token());
    BOOST_REQUIRE(one.answer(token));
    BOOST_TEST(one.answer(token)->starts_with(token + "."));
    BOOST_TEST(!other.answer(token));
    other.merge(one.marshal());
    BOOST_TEST((other.answer(token) == one.answer(token)));
    BOOST_TEST((other.get() == one.get()));
    const auto leaf = other.make_leaf("a.example", std::chrono::system_clock::now());
    BOOST_REQUIRE(leaf);
    BOOST_TEST((leaf->private_key() == one.get()));
}

BOOST_AUTO_TEST_CASE(it_answers_no_other_token)
{
    const self_check_key k;
    auto token = k.make_token();
    for (std::size_t i = 0; i < token.size(); ++i) {
        auto changed = token;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        BOOST_TEST(!k.answer(changed));
    }
    BOOST_TEST(!k.answer(""));
    BOOST_TEST(!k.answer(token + "AAAA"));
    BOOST_TEST(!k.answer("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"));
}

BOOST_AUTO_TEST_CASE(what_is_no_key_changes_nothing)
{
    self_check_key k;
    const auto before = k.marshal();
    BOOST_CHECK_THROW(k.merge("no key"), error);
    BOOST_TEST(k.marshal() == before);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
