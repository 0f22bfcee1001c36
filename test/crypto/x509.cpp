#include "crypto/x509.hpp"

#include "kit/make_chain.hpp"

#include <boost/test/unit_test.hpp>

#include <openssl/err.h>

#include <algorithm>

namespace acme::test {

namespace {

std::optional<parsed_certificate> parse(const std::string& der)
{
    bssl::UniquePtr<CRYPTO_BUFFER> buffer(
        CRYPTO_BUFFER_new(reinterpret_cast<const std::uint8_t*>(der.data()), der.size(), nullptr));
    return parse_certificate(*buffer);
}

std::string leaf_der(const chain_options& options = chain_options())
{
    return der_of(make_chain(options).leaf_pem);
}

BOOST_AUTO_TEST_SUITE(x509_reading)

BOOST_AUTO_TEST_CASE(a_certificate_is_read)
{
    chain_options options({"Example.COM", "192.0.2.1"});
    options.leaf.raw_serial = std::string("\x00\x87\x65", 3);
    const auto c = parse(leaf_der(options));
    BOOST_REQUIRE(c);
    BOOST_TEST((c->not_before == options.leaf.not_before && c->not_after == options.leaf.not_after));
    BOOST_TEST((c->serial == std::string("\x00\x87\x65", 3)));
    const auto names = read_subject_alt_names(*c->x509);
    BOOST_REQUIRE(names);
    BOOST_TEST((names->names == std::vector<std::string>{"example.com", "192.0.2.1"}));
    BOOST_TEST(!names->others);
    BOOST_TEST(authority_key_identifier(*c->x509) == options.leaf.authority_key_id);
    BOOST_TEST(!issuer_text(*c->x509).empty());
}

BOOST_AUTO_TEST_CASE(what_is_missing_is_empty)
{
    chain_options options;
    options.leaf.names.clear();
    options.leaf.authority_key_id.clear();
    const auto c = parse(leaf_der(options));
    BOOST_REQUIRE(c);
    const auto names = read_subject_alt_names(*c->x509);
    BOOST_TEST((names && names->names.empty()));
    BOOST_TEST(authority_key_identifier(*c->x509).empty());
}

BOOST_AUTO_TEST_CASE(an_issuer_is_one_printable_line)
{
    chain_options options;
    options.intermediate.subject = "evil\r\n\x1b[2J";
    const auto c = parse(leaf_der(options));
    BOOST_REQUIRE(c);
    const auto issuer = issuer_text(*c->x509);
    BOOST_TEST(issuer.size() <= 256U);
    BOOST_TEST(std::all_of(issuer.begin(), issuer.end(), [](char ch) { return ch >= ' ' && ch <= '~'; }), issuer);
}

BOOST_AUTO_TEST_CASE(no_cut_or_flipped_octet_throws_or_leaves_an_error)
{
    const auto der = leaf_der();
    for (std::size_t i = 0; i < der.size(); ++i) {
        BOOST_TEST(!parse(der.substr(0, i)));
        auto changed = der;
        changed[i] = static_cast<char>(changed[i] ^ 0x41);
        if (const auto c = parse(changed)) {
            read_subject_alt_names(*c->x509);
            authority_key_identifier(*c->x509);
            issuer_text(*c->x509);
        }
        BOOST_TEST(ERR_peek_error() == 0U);
    }
    BOOST_TEST(!parse(der + "x"));
    BOOST_TEST(!parse(""));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
