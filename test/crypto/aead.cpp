#include "crypto/aead.hpp"

#include <boost/algorithm/hex.hpp>
#include <boost/test/unit_test.hpp>

#include <iterator>

namespace acme::test {

namespace {

std::string unhex(const std::string& digits)
{
    std::string octets;
    boost::algorithm::unhex(digits, std::back_inserter(octets));
    return octets;
}

// The AES-256 cases of McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B.
struct vector
{
    const char* key;
    const char* nonce;
    const char* plain_text;
    const char* associated;
    const char* cipher_text_and_tag;
};

const vector vectors[] = {
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "", "",
        "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
        "00000000000000000000000000000000", "", "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de6"
        "57ba637b39",
        "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a"
        "0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"},
};

const std::string key(aead_key_size, 'k');

} // namespace

BOOST_AUTO_TEST_SUITE(aead)

BOOST_AUTO_TEST_CASE(published_vectors_are_met)
{
    for (const vector& v : vectors) {
        const auto sealed = aead_seal(unhex(v.key), unhex(v.nonce), unhex(v.plain_text), unhex(v.associated));
        BOOST_TEST((sealed == unhex(v.nonce) + unhex(v.cipher_text_and_tag)), v.cipher_text_and_tag);
        BOOST_TEST((aead_open(unhex(v.key), sealed, unhex(v.associated)) == unhex(v.plain_text)));
    }
}

BOOST_AUTO_TEST_CASE(what_was_changed_does_not_open)
{
    const auto sealed = aead_seal(key, "plain text", "name");
    BOOST_TEST((aead_open(key, sealed, "name") == "plain text"));
    for (std::size_t i = 0; i != sealed.size(); ++i) {
        auto changed = sealed;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        BOOST_TEST(!aead_open(key, changed, "name").has_value(), i);
        BOOST_TEST(!aead_open(key, sealed.substr(0, i), "name").has_value(), i);
    }
    BOOST_TEST(!aead_open(key, sealed + "x", "name").has_value());
    BOOST_TEST(!aead_open(key, sealed, "other name").has_value());
    BOOST_TEST(!aead_open(std::string(aead_key_size, 'K'), sealed, "name").has_value());
}

BOOST_AUTO_TEST_CASE(no_two_are_alike)
{
    BOOST_TEST(aead_seal(key, "a", "") != aead_seal(key, "a", ""));
    BOOST_TEST(aead_seal(key, "", "").size() == aead_overhead);
}

BOOST_AUTO_TEST_CASE(keys_and_nonces_have_their_sizes)
{
    BOOST_CHECK_THROW(aead_seal(key.substr(1), "a", ""), std::invalid_argument);
    BOOST_CHECK_THROW(aead_seal(key, "short", "a", ""), std::invalid_argument);
    BOOST_CHECK_THROW(aead_open(key + "k", "a", ""), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
