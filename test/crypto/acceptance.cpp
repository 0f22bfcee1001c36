#include "kit/keys.hpp"
#include "kit/make_chain.hpp"

#include <acme/certificate.hpp>

#include <boost/test/unit_test.hpp>

#include <openssl/err.h>

#include <functional>
#include <string>
#include <vector>

using namespace acme;
using namespace acme::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

using names = std::vector<std::string>;

// "" where the chain is accepted, else the reason.
std::string verdict(const std::string& pem, const key& k, const names& expected = {"example.com"},
    certificate::time_point now = chain_time)
{
    std::string why;
    auto c = certificate::from_pem(pem, k, why);
    if (!c)
        return why;
    auto refusal = accept(*c, expected, now);
    BOOST_TEST(ERR_peek_error() == 0U);
    BOOST_TEST((!refusal || !refusal->empty()));
    return refusal.value_or("");
}

std::string verdict(
    const made_chain& chain, const names& expected = {"example.com"}, certificate::time_point now = chain_time)
{
    return verdict(chain.pem, chain.leaf_key, expected, now);
}

std::string verdict_after(const std::function<void(chain_options&)>& change)
{
    chain_options options;
    change(options);
    return verdict(make_chain(options));
}

} // namespace

BOOST_AUTO_TEST_SUITE(acceptance)

BOOST_AUTO_TEST_CASE(accepts_what_cas_deliver)
{
    auto chain = make_chain();
    BOOST_TEST(verdict(chain) == "");
    BOOST_TEST(verdict(chain.pem + chain.root_pem, chain.leaf_key) == "");
    for (auto pem : {keys::p384, keys::rsa2048})
        BOOST_TEST(verdict_after([&](chain_options& o) { o.leaf_key = key::from_pem(pem).value(); }) == "");
    BOOST_TEST(verdict_after([](chain_options& o) { o.leaf.subject.clear(); }) == "");
    BOOST_TEST(verdict_after([](chain_options& o) { o.leaf.key_usage = 0; }) == "");
    BOOST_TEST(verdict_after([](chain_options& o) { o.leaf.authority_key_id.clear(); }) == "");
    BOOST_TEST(verdict_after([](chain_options& o) { o.intermediate.key_usage = 0; }) == "");
}

BOOST_AUTO_TEST_CASE(names_are_compared_as_sets)
{
    auto chain = make_chain(chain_options({"b.example", "A.example", "*.a.example", "192.0.2.1", "2001:db8::1"}));
    BOOST_TEST(
        verdict(chain, {"a.example", "*.a.example", "2001:db8::1", "192.0.2.1", "b.example", "b.example"}) == "");
    BOOST_TEST(verdict(chain, {"a.example", "*.a.example", "2001:0DB8:0::1", "192.0.2.1", "b.example"}) == "");
}

BOOST_AUTO_TEST_CASE(refuses_missing_and_extra_names)
{
    auto chain = make_chain(chain_options({"a.example", "*.c.example"}));
    BOOST_TEST(
        verdict(chain, {"a.example", "*.c.example", "b.example"}) == "The certificate lacks the name b.example.");
    BOOST_TEST(verdict(chain, {"a.example", "x.c.example"}) == "The certificate lacks the name x.c.example.");
    BOOST_TEST(verdict(chain, {"a.example"}) == "The certificate has the name *.c.example, which was not asked for.");
    BOOST_TEST(verdict(chain, {}) == "The certificate has the name *.c.example, which was not asked for.");
}

BOOST_AUTO_TEST_CASE(refuses_a_certificate_without_names)
{
    auto chain = make_chain(chain_options(names()));
    BOOST_TEST(verdict(chain) == "The certificate lacks the name example.com.");
    BOOST_TEST(verdict(chain, {}) != "");
}

BOOST_AUTO_TEST_CASE(refuses_names_of_other_types)
{
    auto dns = der_element(0x82, "example.com");
    for (const auto& other : {der_element(0x81, "a@example.com"), der_element(0x86, "https://example.com/"),
             der_element(0xa4, der_element(0x30, ""))})
        BOOST_TEST(verdict_after([&](chain_options& o) {
            o.leaf.raw_subject_alt_name = der_element(0x30, dns + other);
        }) == "The certificate has names other than host names and IP addresses, or none.");
}

BOOST_AUTO_TEST_CASE(a_dns_name_does_not_stand_in_for_an_ip_address)
{
    chain_options options;
    options.leaf.raw_subject_alt_name = der_element(0x30, der_element(0x82, "192.0.2.1"));
    BOOST_TEST(verdict(make_chain(options), {"192.0.2.1"}) != "");
}

BOOST_AUTO_TEST_CASE(validity_ends_to_the_second)
{
    auto chain = make_chain();
    auto start = chain_time - 24h;
    auto end = chain_time + 24h * 90;
    BOOST_TEST(verdict(chain, {"example.com"}, start - 1h) == "");
    BOOST_TEST(verdict(chain, {"example.com"}, start - 1h - 1s) == "The certificate is not valid yet.");
    BOOST_TEST(verdict(chain, {"example.com"}, end + 999ms) == "");
    BOOST_TEST(verdict(chain, {"example.com"}, end + 1s) == "The certificate has expired.");
}

BOOST_AUTO_TEST_CASE(refuses_issuers_outside_their_validity)
{
    BOOST_TEST(verdict_after([](chain_options& o) { o.intermediate.not_after = chain_time - 1s; }) ==
        "An issuer in the chain has expired.");
    BOOST_TEST(verdict_after([](chain_options& o) { o.intermediate.not_before = chain_time + 2h; }) ==
        "An issuer in the chain is not valid yet.");
}

BOOST_AUTO_TEST_CASE(a_certificate_without_end_is_accepted)
{
    BOOST_TEST(verdict_after([](chain_options& o) { o.leaf.raw_not_after = "99991231235959Z"; }) == "");
}

BOOST_AUTO_TEST_CASE(refuses_a_leaf_that_is_not_for_servers)
{
    const auto purpose = "The certificate's extended key usage is not server authentication."s;
    BOOST_TEST(
        verdict_after([](chain_options& o) { o.leaf.ca = true; }) == "The certificate is a CA's own, not a server's.");
    BOOST_TEST(verdict_after([](chain_options& o) { o.leaf.extended_key_usage = false; }) == purpose);
    BOOST_TEST(verdict_after([](chain_options& o) { o.leaf.purpose = 2; }) == purpose);
    BOOST_TEST(verdict_after([](chain_options& o) { o.leaf.key_usage = 0x20; }) ==
        "The certificate's key usage has no digital signature.");
    BOOST_TEST(verdict_after([](chain_options& o) { o.leaf.extensions = false; }) != "");
    BOOST_TEST(verdict_after([](chain_options& o) { o.leaf.repeat_subject_alt_name = true; }) != "");
}

BOOST_AUTO_TEST_CASE(refuses_an_issuer_that_may_not_issue)
{
    const auto sentence = "Certificate 1 of the chain is followed by one that may not issue it."s;
    BOOST_TEST(verdict_after([](chain_options& o) {
        o.intermediate.ca = false;
        o.intermediate.path_length = -1;
    }) == sentence);
    BOOST_TEST(verdict_after([](chain_options& o) { o.intermediate.key_usage = 0x80; }) == sentence);
    BOOST_TEST(verdict_after([](chain_options& o) { o.intermediate.extensions = false; }) == sentence);
}

BOOST_AUTO_TEST_CASE(refuses_more_intermediates_than_a_path_length_allows)
{
    chain_options options;
    options.root.path_length = 0;
    auto chain = make_chain(options);
    BOOST_TEST(verdict(chain) == "");
    BOOST_TEST(verdict(chain.pem + chain.root_pem, chain.leaf_key) ==
        "Certificate 2 of the chain is followed by one that may not issue it.");
}

BOOST_AUTO_TEST_CASE(refuses_chains_that_do_not_hang_together)
{
    auto chain = make_chain();
    auto other = make_chain();
    chain_options renamed;
    renamed.intermediate.subject = "Another";
    const auto unrelated = "Certificate 1 of the chain was not issued by the one that follows it."s;
    auto check = [&](const std::string& pem) { return verdict(pem, chain.leaf_key); };
    BOOST_TEST(check(chain.leaf_pem) == "The chain lacks the certificate's issuer.");
    BOOST_TEST(check(chain.leaf_pem + make_chain(renamed).intermediate_pem) == unrelated);
    BOOST_TEST(check(chain.leaf_pem + chain.root_pem) == unrelated);
    BOOST_TEST(check(chain.leaf_pem + chain.root_pem + chain.intermediate_pem) == unrelated);
    BOOST_TEST(check(chain.leaf_pem + chain.leaf_pem) == unrelated);
    BOOST_TEST(check(chain.leaf_pem + other.intermediate_pem) ==
        "Certificate 1 of the chain was not signed by the one that follows it.");
    BOOST_TEST(
        check(chain.pem + other.root_pem) == "Certificate 2 of the chain was not signed by the one that follows it.");
    BOOST_TEST(check(chain.pem + chain.intermediate_pem) ==
        "Certificate 2 of the chain was not issued by the one that follows it.");
    BOOST_TEST(check(chain.pem + chain.root_pem + chain.root_pem) ==
        "Certificate 3 of the chain is self-issued, yet another one follows.");
}

BOOST_AUTO_TEST_CASE(refuses_a_self_signed_leaf)
{
    certificate_options options;
    options.names = {"example.com"};
    auto k = key::generate();
    auto leaf = make_certificate(options, k, options.subject, k);
    BOOST_TEST(verdict(leaf, k) == "The chain lacks the certificate's issuer.");
    BOOST_TEST(verdict(leaf + leaf, k) == "Certificate 1 of the chain is self-issued, yet another one follows.");
}

BOOST_AUTO_TEST_CASE(sha1_is_refused_but_on_a_root)
{
    chain_options options;
    options.root.sha1 = true;
    auto chain = make_chain(options);
    BOOST_TEST(verdict(chain.pem + chain.root_pem, chain.leaf_key) == "");
    BOOST_TEST(verdict_after([](chain_options& o) { o.leaf.sha1 = true; }) ==
        "Certificate 1 of the chain is signed with an algorithm that clients refuse.");
    BOOST_TEST(verdict_after([](chain_options& o) { o.intermediate.sha1 = true; }) ==
        "The chain's last certificate is signed with an algorithm that clients refuse.");
}

BOOST_AUTO_TEST_CASE(no_flipped_bit_of_the_leaf_is_accepted)
{
    auto chain = make_chain();
    const auto der = der_of(chain.leaf_pem);
    for (std::size_t bit = 0; bit < 8 * der.size(); bit += 3) {
        auto flipped = der;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
        BOOST_TEST_CONTEXT("bit " << bit)
        BOOST_TEST(verdict(pem_of(flipped) + chain.intermediate_pem, chain.leaf_key) != "");
    }
}

BOOST_AUTO_TEST_CASE(no_flipped_bit_of_an_issuer_is_accepted_below_its_own_issuer)
{
    auto chain = make_chain();
    const auto der = der_of(chain.intermediate_pem);
    for (std::size_t bit = 0; bit < 8 * der.size(); bit += 5) {
        auto flipped = der;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
        BOOST_TEST_CONTEXT("bit " << bit)
        BOOST_TEST(verdict(chain.leaf_pem + pem_of(flipped) + chain.root_pem, chain.leaf_key) != "");
    }
}

BOOST_AUTO_TEST_CASE(no_truncation_of_the_pem_is_accepted)
{
    auto chain = make_chain();
    for (std::size_t size = 0; size + 1 < chain.pem.size(); ++size)
        BOOST_TEST_CONTEXT("size " << size)
    BOOST_TEST(verdict(chain.pem.substr(0, size), chain.leaf_key) != "");
}

BOOST_AUTO_TEST_SUITE_END()
