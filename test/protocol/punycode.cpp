#include "protocol/punycode.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>

using acme::is_punycode;

BOOST_AUTO_TEST_SUITE(punycode)

BOOST_AUTO_TEST_CASE(rfc_3492_section_7_1_samples_decode)
{
    // In lower case; samples A to K and L to R.
    for (const auto text : {"egbpdaj6bu4bxfgehfvwxn", "ihqwcrb4cv8a8dqg056pqjye", "ihqwctvzc91f659drss3x8bo0yb",
             "proprostnemluvesky-uyb24dma41a", "4dbcagdahymbxekheh6e0a7fei0b",
             "i1baa7eci9glrd9b2ae1bj0hfcgg6iyaf8o0a1dig0cd", "n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa",
             "989aomsvi5e83db1d2a355cv1e0vak1dwrv93d5xbh15a0dt30a5jpsd879ccm6fea98c",
             "b1abfaaepdrnnbgefbadotcwatmq2g4l", "porqunopuedensimplementehablarenespaol-fmd56a",
             "tisaohkhngthchnitingvit-kjcr8268qyxafd2f1b9g", "3b-ww4c5e180e575a65lsy2b",
             "-with-super-monkeys-pc58ag80a8qai00g7n9n", "hello-another-way--fc4qua05auwb3674vfr0b",
             "2-u9tlzr9756bt3uc0v", "majikoi5-783gue6qz075azm5e", "de-jg4avhby1noc0d", "d9juau41awczczp"})
        BOOST_TEST(is_punycode(text), text);
}

BOOST_AUTO_TEST_CASE(labels_in_use_decode)
{
    for (const auto text : {"bcher-kva", "p1ai", "fiqs8s", "mgbaam7a8h", "zckzah", "e1afmkfd"})
        BOOST_TEST(is_punycode(text), text);
}

BOOST_AUTO_TEST_CASE(what_is_no_punycode_is_refused)
{
    for (const auto text : {"", "-", "a", "abc-", "b", "bcher-", "bcher-kv", "bcher-kv_", "BCHER-KVA", "99999999",
             "aaaa99999999999999999999", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", "-kva"})
        BOOST_TEST(!is_punycode(text), text);
}

BOOST_AUTO_TEST_CASE(any_label_is_judged_without_harm)
{
    constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz0123456789-";
    std::mt19937 random(6);
    unsigned good = 0;
    for (int round = 0; round < 100'000; ++round) {
        std::string text;
        for (std::size_t n = random() % 60; n > 0; --n)
            text += alphabet[random() % alphabet.size()];
        good += is_punycode(text);
    }
    BOOST_TEST(good > 100U);
    BOOST_TEST(good < 99'000U);
}

BOOST_AUTO_TEST_SUITE_END()
