#include "kit/keys.hpp"
#include "kit/make_chain.hpp"

#include <acme/certificate.hpp>

#include <boost/test/unit_test.hpp>

#include <openssl/err.h>
#include <openssl/pool.h>

#include <string>
#include <vector>

using namespace acme;
using namespace acme::test;
using namespace std::chrono_literals;
using namespace std::string_literals;
using boost::test_tools::per_element;

namespace {

certificate_ptr read(const std::string& pem, const key& k)
{
    std::string why;
    auto c = certificate::from_pem(pem, k, why);
    BOOST_TEST(why.empty() == (c != nullptr));
    BOOST_TEST(ERR_peek_error() == 0U);
    return c;
}

certificate_ptr read(const chain_options& options)
{
    auto chain = make_chain(options);
    return read(chain.pem, chain.leaf_key);
}

std::string refusal(const std::string& pem, const key& k)
{
    std::string why;
    BOOST_TEST(certificate::from_pem(pem, k, why) == nullptr);
    BOOST_TEST(ERR_peek_error() == 0U);
    return why;
}

std::string refusal(const chain_options& options)
{
    auto chain = make_chain(options);
    return refusal(chain.pem, chain.leaf_key);
}

chain_options with_raw_names(const std::string& general_names)
{
    chain_options options;
    options.leaf.raw_subject_alt_name = der_element(0x30, general_names);
    return options;
}

std::string replace_all(std::string text, const std::string& from, const std::string& to)
{
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    return text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(certificate_)

BOOST_AUTO_TEST_CASE(tells_what_the_leaf_says)
{
    chain_options options({"example.com", "www.example.com", "*.example.org", "192.0.2.1", "2001:db8::1"});
    options.intermediate.subject = "R\xc3\xbc"
                                   "ck, \nInc";
    auto chain = make_chain(options);
    auto c = read(chain.pem, chain.leaf_key);
    BOOST_TEST_REQUIRE(c != nullptr);
    BOOST_TEST(c->names() == options.leaf.names, per_element());
    BOOST_TEST((c->not_before() == chain_time - 24h));
    BOOST_TEST((c->not_after() == chain_time + 24h * 90));
    BOOST_TEST(c->issuer() == "CN=R\\C3\\BCck\\, \\0AInc");
    BOOST_TEST(c->serial() == "1001");
    BOOST_TEST((c->private_key() == chain.leaf_key));
    BOOST_TEST(c->leaf_der() == der_of(chain.leaf_pem));
    BOOST_TEST(c->chain_pem() == chain.pem);
    BOOST_TEST(c->chain().size() == 2U);
}

BOOST_AUTO_TEST_CASE(renewal_id_is_rfc_9773s_vector)
{
    chain_options options;
    options.leaf.serial = 0x87654321;
    options.leaf.authority_key_id = "\x69\x88\x5b\x6b\x87\x46\x40\x41\xe1\xb3\x7b\x84\x7b\xa0\xae\x2c\xde\x01\xc8\xd4";
    auto c = read(options);
    BOOST_TEST_REQUIRE(c != nullptr);
    BOOST_TEST(c->renewal_id() == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
    BOOST_TEST(c->serial() == "0087654321");
}

BOOST_AUTO_TEST_CASE(without_a_usable_authority_key_identifier_there_is_no_renewal_id)
{
    chain_options options;
    options.leaf.authority_key_id.clear();
    BOOST_TEST(read(options)->renewal_id().empty());
    options.leaf.authority_key_id = std::string(65, 'a');
    BOOST_TEST(read(options)->renewal_id().empty());
}

BOOST_AUTO_TEST_CASE(names_are_lower_case)
{
    auto c = read(chain_options({"EXAMPLE.Com", "*.ExAmPlE.org"}));
    BOOST_TEST(c->names() == (std::vector{"example.com"s, "*.example.org"s}), per_element());
}

BOOST_AUTO_TEST_CASE(a_common_name_is_no_name)
{
    chain_options options{std::vector<std::string>()};
    options.leaf.subject = "example.com";
    BOOST_TEST(read(options)->names().empty());
    BOOST_TEST(!read(options)->covers("example.com"));
}

BOOST_AUTO_TEST_CASE(a_date_beyond_the_clock_is_its_last)
{
    chain_options options;
    options.leaf.raw_not_after = "99991231235959Z";
    auto c = read(options);
    BOOST_TEST_REQUIRE(c != nullptr);
    BOOST_TEST((c->not_after() > chain_time + 24h * 365 * 200));
    BOOST_TEST((c->not_after() + 1s > c->not_after()));
}

BOOST_AUTO_TEST_CASE(covers_exact_names_and_one_label_of_a_wildcard)
{
    auto c = read(chain_options({"example.com", "*.example.org", "192.0.2.1", "2001:db8::1"}));
    for (const auto* name :
        {"example.com", "www.example.org", "a.example.org", "192.0.2.1", "2001:db8::1", "*.example.org"})
        BOOST_TEST_CONTEXT(name)
    BOOST_TEST(c->covers(name));
    for (const auto* name :
        {"", ".", "com", "www.example.com", "xexample.com", "example.org", "a.b.example.org", ".example.org",
            "example.org.", "*.example.com", "*", "192.0.2.2", "1.192.0.2.1", "2001:db8::2", "2.0.2.1"})
        BOOST_TEST_CONTEXT(name)
    BOOST_TEST(!c->covers(name));
}

BOOST_AUTO_TEST_CASE(refuses_names_that_are_no_host_names)
{
    auto too_long =
        std::string(63, 'a') + "." + std::string(63, 'a') + "." + std::string(63, 'a') + "." + std::string(62, 'a');
    for (const auto& name : {""s, "."s, "example.com."s, ".example.com"s, "a..b"s, "*"s, "*."s, "*.*.example.com"s,
             "a.*.example.com"s, "a*.example.com"s, "exa mple.com"s, "example.com\0.evil.example"s, "example.com\n"s,
             "b\xc3\xbc.example"s, "1.2.3.4"s, "*.2.3.4"s, "a/b.example"s, std::string(64, 'a') + ".example", too_long})
        BOOST_TEST_CONTEXT(name)
    BOOST_TEST(refusal(with_raw_names(der_element(0x82, name))) ==
        "The certificate's subject alternative names are malformed.");
}

BOOST_AUTO_TEST_CASE(refuses_malformed_subject_alternative_names)
{
    const auto good = der_element(0x82, "example.com");
    for (const auto& names : {der_element(0x87, "\1\2\3"), der_element(0x87, std::string(17, '\1')), "\x82\x7f"s,
             good + "\x82", good + std::string(1, '\0')})
        BOOST_TEST(!refusal(with_raw_names(names)).empty());
    chain_options options;
    options.leaf.raw_subject_alt_name = der_element(0x30, good) + std::string("\0\0", 2);
    BOOST_TEST(!refusal(options).empty());
    options.leaf.raw_subject_alt_name = der_element(0x31, good);
    BOOST_TEST(!refusal(options).empty());
    options = chain_options();
    options.leaf.repeat_subject_alt_name = true;
    BOOST_TEST(!refusal(options).empty());
}

BOOST_AUTO_TEST_CASE(refuses_a_leaf_for_another_key)
{
    auto chain = make_chain();
    const auto sentence = "The chain's first certificate is for another key than the one at hand."s;
    BOOST_TEST(refusal(chain.pem, key::generate()) == sentence);
    BOOST_TEST(refusal(chain.pem, key::from_pem(keys::rsa2048).value()) == sentence);
    BOOST_TEST(refusal(chain.pem, key()) == sentence);
    BOOST_TEST(refusal(chain.intermediate_pem + chain.leaf_pem, chain.leaf_key) == sentence);
}

BOOST_AUTO_TEST_CASE(works_with_every_kind_of_key)
{
    for (auto pem : {keys::p256, keys::p384, keys::rsa2048}) {
        chain_options options;
        options.leaf_key = key::from_pem(pem).value();
        BOOST_TEST(read(options) != nullptr);
    }
}

BOOST_AUTO_TEST_CASE(takes_pem_as_cas_write_it)
{
    auto chain = make_chain();
    auto without_newline = chain.pem.substr(0, chain.pem.size() - 1);
    for (const auto& pem : {replace_all(chain.pem, "\n", "\r\n"), without_newline, "\n\n" + chain.pem + "\n",
             "subject=CN = leaf\n" + chain.leaf_pem + "\nissuer\n" + chain.intermediate_pem + "# end",
             chain.pem + chain.root_pem, chain.leaf_pem})
        BOOST_TEST(read(pem, chain.leaf_key) != nullptr);
}

BOOST_AUTO_TEST_CASE(refuses_pem_with_anything_but_certificates)
{
    auto chain = make_chain();
    const auto foreign = "The chain holds a PEM block that is no certificate."s;
    const auto malformed = "The chain is malformed PEM."s;
    BOOST_TEST(refusal(chain.pem + chain.leaf_key.to_pem(), chain.leaf_key) == foreign);
    BOOST_TEST(refusal(chain.leaf_key.to_pem() + chain.pem, chain.leaf_key) == foreign);
    BOOST_TEST(refusal(replace_all(chain.pem, "CERTIFICATE", "TRUSTED CERTIFICATE"), chain.leaf_key) == foreign);
    BOOST_TEST(refusal(replace_all(chain.pem, "CERTIFICATE", "X509 CRL"), chain.leaf_key) == foreign);
    BOOST_TEST(refusal(chain.pem + "-----BEGIN PRIVATE KEY-----", chain.leaf_key) == malformed);
    BOOST_TEST(refusal(chain.pem + "-----BEGIN CERTIFICATE-----\n", chain.leaf_key) == malformed);
    BOOST_TEST(refusal("", chain.leaf_key) == "The chain holds no certificate.");
    BOOST_TEST(refusal("<html></html>", chain.leaf_key) == "The chain holds no certificate.");
}

BOOST_AUTO_TEST_CASE(refuses_eleven_certificates_and_more_than_256_kib)
{
    auto chain = make_chain();
    auto ten = chain.leaf_pem;
    for (int i = 0; i < 9; ++i)
        ten += chain.intermediate_pem;
    BOOST_TEST(read(ten, chain.leaf_key)->chain().size() == 10U);
    BOOST_TEST(refusal(ten + chain.intermediate_pem, chain.leaf_key) == "The chain has more than 10 certificates.");
    auto largest = chain.pem + std::string(256 * 1024 - chain.pem.size(), '\n');
    BOOST_TEST(read(largest, chain.leaf_key) != nullptr);
    BOOST_TEST(refusal(largest + "\n", chain.leaf_key) == "The chain is larger than 256 KiB.");
    BOOST_TEST(refusal(pem_of(std::string(150 * 1024, '\x30')), chain.leaf_key) ==
        "The chain's first certificate is malformed.");
}

BOOST_AUTO_TEST_CASE(refuses_octets_after_a_certificate)
{
    auto chain = make_chain();
    BOOST_TEST(!refusal(pem_of(der_of(chain.leaf_pem) + std::string(1, '\0')), chain.leaf_key).empty());
    auto intermediate = pem_of(der_of(chain.intermediate_pem) + std::string(1, '\0'));
    BOOST_TEST(refusal(chain.leaf_pem + intermediate, chain.leaf_key) == "Certificate 2 of the chain is malformed.");
}

BOOST_AUTO_TEST_CASE(refuses_a_serial_number_beyond_64_octets)
{
    chain_options options;
    options.leaf.raw_serial = std::string(64, '\x7f');
    BOOST_TEST(read(options)->serial().size() == 128U);
    options.leaf.raw_serial += '\x7f';
    BOOST_TEST(refusal(options) == "The chain's first certificate is malformed.");
}

BOOST_AUTO_TEST_CASE(refuses_extensions_that_contradict_rfc_5280)
{
    chain_options options;
    options.leaf.path_length = 0;
    BOOST_TEST(refusal(options) == "The chain's first certificate is malformed.");
    options = chain_options();
    options.intermediate.ca = false;
    BOOST_TEST(refusal(options) == "Certificate 2 of the chain is malformed.");
}

BOOST_AUTO_TEST_CASE(refuses_every_truncation_of_the_der)
{
    auto chain = make_chain();
    auto der = der_of(chain.leaf_pem);
    for (std::size_t size = 1; size < der.size(); ++size)
        BOOST_TEST(!refusal(pem_of(der.substr(0, size)) + chain.intermediate_pem, chain.leaf_key).empty());
    der = der_of(chain.intermediate_pem);
    for (std::size_t size = 1; size < der.size(); ++size)
        BOOST_TEST(!refusal(chain.leaf_pem + pem_of(der.substr(0, size)), chain.leaf_key).empty());
}

BOOST_AUTO_TEST_CASE(chains_of_one_issuer_share_its_octets_and_free_them)
{
    auto chain = make_chain();
    auto a = read(chain.pem, chain.leaf_key);
    auto b = read(chain.pem, chain.leaf_key);
    BOOST_TEST(a->chain()[1] == b->chain()[1]);
    BOOST_TEST(a->chain()[0] != b->chain()[0]);
    a.reset();
    BOOST_TEST(b->chain_pem() == chain.pem);
}

BOOST_AUTO_TEST_SUITE_END()
