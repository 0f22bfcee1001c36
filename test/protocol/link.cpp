#include "protocol/link.hpp"

#include "protocol/url.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>
#include <vector>

using acme::links;
using strings = std::vector<std::string>;

namespace {

strings alternates(strings fields)
{
    return links(fields, "alternate", "https://ca.example/cert/1");
}

} // namespace

BOOST_AUTO_TEST_SUITE(link_header)

BOOST_AUTO_TEST_CASE(rfc_8555_section_7_4_2_example_is_read)
{
    // As in the RFC, with the index link beside it.
    const strings fields{"<https://example.com/acme/directory>;rel=\"index\""};
    BOOST_TEST(links(fields, "index", "https://example.com/") == strings{"https://example.com/acme/directory"},
        boost::test_tools::per_element());
    BOOST_TEST(links(fields, "alternate", "https://example.com/").empty());
}

BOOST_AUTO_TEST_CASE(links_in_one_field_and_in_several_are_all_found)
{
    const strings fields{"<https://ca.example/d>;rel=\"index\", <https://ca.example/cert/1/1>;rel=\"alternate\"",
        "</cert/1/2> ; REL = Alternate", "<1/3>;title=\"a, <b>; rel=\\\"x\\\"\";rel=alternate"};
    const strings expected{"https://ca.example/cert/1/1", "https://ca.example/cert/1/2", "https://ca.example/cert/1/3"};
    BOOST_TEST(alternates(fields) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(relation_types_are_compared_whole_and_without_case)
{
    BOOST_TEST(alternates({"<a>;rel=\"up ALTERNATE next\""}).size() == 1);
    BOOST_TEST(alternates({"<a>;rel=\"alternates\""}).empty());
    BOOST_TEST(alternates({"<a>;rel=\"alter nate\""}).empty());
    BOOST_TEST(alternates({"<a>;rel"}).empty());
    BOOST_TEST(alternates({"<a>"}).empty());
    BOOST_TEST(alternates({"<a>;rev=\"alternate\""}).empty());
}

BOOST_AUTO_TEST_CASE(only_the_first_relation_parameter_counts)
{
    BOOST_TEST(alternates({"<a>;rel=up;rel=alternate"}).empty());
    BOOST_TEST(alternates({"<a>;rel=alternate;rel=up"}).size() == 1);
}

BOOST_AUTO_TEST_CASE(links_of_another_context_or_to_unusable_targets_are_passed_over)
{
    BOOST_TEST(
        alternates({"<a>;rel=alternate;anchor=\"/other\", <b>;rel=alternate"}) == strings{"https://ca.example/cert/b"},
        boost::test_tools::per_element());
    BOOST_TEST(alternates({"<http://ca.example/x>;rel=alternate, <javascript:x>;rel=alternate, "
                           "<https://u@ca.example/>;rel=alternate, <a b>;rel=alternate"})
            .empty());
}

BOOST_AUTO_TEST_CASE(the_same_target_counts_once_and_ten_are_the_limit)
{
    BOOST_TEST(alternates({"<a>;rel=alternate,<a>;rel=alternate", "<a>;rel=alternate"}).size() == 1);
    std::string many;
    for (int i = 0; i < 1000; ++i)
        many += "<x" + std::to_string(i) + ">;rel=alternate,";
    const auto found = alternates({many, many});
    BOOST_TEST(found.size() == 10);
    BOOST_TEST(found.back() == "https://ca.example/cert/x9");
}

BOOST_AUTO_TEST_CASE(malformed_fields_end_the_reading_of_that_field_only)
{
    const strings bad{"", ",,,", "a", "<", "<a", "<a>;rel=\"alternate", "<a>;rel=\"alternate\\", "a>;rel=alternate",
        "<a> rel=alternate", ";rel=alternate", "<a>;=;;;", "<a>;rel=alternate<b>"};
    for (const auto& field : bad)
        BOOST_TEST(alternates({field}).empty(), field);
    strings all = bad;
    all.push_back("<good>;rel=alternate");
    BOOST_TEST(alternates(all) == strings{"https://ca.example/cert/good"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(more_than_64_kib_are_not_looked_at)
{
    BOOST_TEST(alternates({std::string(70'000, ','), "<a>;rel=alternate"}).empty());
}

BOOST_AUTO_TEST_CASE(random_fields_lead_to_acceptable_urls_or_none)
{
    constexpr std::string_view alphabet = "<>;,=\"\\ relatn/:.";
    std::mt19937 random(3);
    for (int round = 0; round < 50'000; ++round) {
        std::string field = "<a>;rel=alternate";
        for (std::size_t n = random() % 8; n > 0; --n)
            field[random() % field.size()] = alphabet[random() % alphabet.size()];
        for (const auto& target : alternates({field, field.substr(random() % field.size())}))
            BOOST_REQUIRE(acme::acceptable_url(target));
    }
}

BOOST_AUTO_TEST_SUITE_END()
