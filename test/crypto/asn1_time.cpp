#include "crypto/asn1_time.hpp"

#include "crypto/der.hpp"
#include "kit/make_chain.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace acme;
using namespace std::chrono;
using namespace std::string_literals;

namespace {

constexpr unsigned char utc_tag = 0x17;
constexpr unsigned char generalized_tag = 0x18;

std::optional<std::int64_t> read(unsigned char tag, const std::string& content)
{
    auto element = test::der_element(tag, content);
    CBS cbs;
    CBS_init(&cbs, reinterpret_cast<const std::uint8_t*>(element.data()), element.size());
    auto time = read_asn1_time(cbs);
    if (!time)
        return std::nullopt;
    return duration_cast<seconds>(time->time_since_epoch()).count();
}

std::string write(std::int64_t since_epoch)
{
    bssl::ScopedCBB cbb;
    CBB_init(cbb.get(), 32);
    add_asn1_time(*cbb.get(), system_clock::time_point(seconds(since_epoch)));
    return take(*cbb.get());
}

} // namespace

BOOST_AUTO_TEST_SUITE(asn1_time)

struct sample
{
    unsigned char tag;
    const char* text;
    std::int64_t since_epoch;
};

// Each number from `date -u +%s`.
constexpr sample samples[] = {
    {utc_tag, "700101000000Z", 0},
    {utc_tag, "260601120000Z", 1780315200},
    {utc_tag, "240229235959Z", 1709251199},
    {utc_tag, "491231235959Z", 2524607999},
    {utc_tag, "500101000000Z", -631152000},
    {generalized_tag, "20500101000000Z", 2524608000},
    {generalized_tag, "22000101000000Z", 7258118400},
};

BOOST_AUTO_TEST_CASE(reads_and_writes_both_forms)
{
    for (const auto& s : samples)
        BOOST_TEST_CONTEXT(s.text)
        {
            BOOST_TEST(read(s.tag, s.text).value() == s.since_epoch);
            BOOST_TEST(write(s.since_epoch) == test::der_element(s.tag, s.text));
        }
    BOOST_TEST(read(generalized_tag, "20260601120000Z").value() == 1780315200);
}

BOOST_AUTO_TEST_CASE(years_beyond_the_clock_become_its_last)
{
    constexpr std::int64_t end_of_2261 = 9214560000;
    BOOST_TEST(read(generalized_tag, "99991231235959Z").value() == end_of_2261);
    BOOST_TEST(read(generalized_tag, "22620411000000Z").value() == end_of_2261);
    BOOST_TEST(read(generalized_tag, "00000101000000Z").value() == -9214560000);
}

BOOST_AUTO_TEST_CASE(refuses_all_that_rfc_5280_does_not_allow)
{
    for (const auto& text : {""s, "Z"s, "2606011200Z"s, "260601120000"s, "260601120000+0000"s, "260601120000z"s,
             "261301120000Z"s, "260001120000Z"s, "260631120000Z"s, "250229120000Z"s, "260601240000Z"s, "260601126000Z"s,
             "260601120060Z"s, "26060112000 Z"s, "-60601120000Z"s, "26060112000\0Z"s, "20260601120000Z"s})
        BOOST_TEST_CONTEXT(text)
    BOOST_TEST(!read(utc_tag, text));
    for (const auto& text :
        {"260601120000Z"s, "20260601120000.5Z"s, "202606011200Z"s, "20260601120000"s, "20250229120000Z"s})
        BOOST_TEST_CONTEXT(text)
    BOOST_TEST(!read(generalized_tag, text));
    BOOST_TEST(!read(0x13, "260601120000Z"));
}

BOOST_AUTO_TEST_SUITE_END()
