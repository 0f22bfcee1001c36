#include "crypto/pem.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>

using namespace acme;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(pem)

const std::string foo = "-----BEGIN FOO-----\nZm9v\n-----END FOO-----\n";
const std::string bar = "-----BEGIN BAR-----\nYmFy\n-----END BAR-----\n";

BOOST_AUTO_TEST_CASE(reads_blocks_in_their_order)
{
    auto blocks = parse_pem(foo + bar, 10).value();
    BOOST_TEST_REQUIRE(blocks.size() == 2);
    BOOST_TEST(blocks[0].label == "FOO");
    BOOST_TEST(blocks[0].der == "foo");
    BOOST_TEST(blocks[1].label == "BAR");
    BOOST_TEST(blocks[1].der == "bar");
}

BOOST_AUTO_TEST_CASE(reads_no_more_than_was_asked_for)
{
    BOOST_TEST(parse_pem(foo + foo + foo, 2).value().size() == 2);
    BOOST_TEST(parse_pem(foo + "-----BEGIN broken", 1).value().size() == 1);
    BOOST_TEST(parse_pem("", 2).value().empty());
    BOOST_TEST(parse_pem("no block at all", 2).value().empty());
}

BOOST_AUTO_TEST_CASE(takes_crlf_white_space_no_final_newline_and_text_around_the_blocks)
{
    for (const auto& text : {"-----BEGIN FOO-----\r\nZm9v\r\n-----END FOO-----\r\n"s, foo.substr(0, foo.size() - 1),
             "  -----BEGIN FOO-----\nZm\n\n 9v \t\n-----END FOO-----  "s, "subject=/CN=foo\n\n" + foo + "# the end\n"})
        BOOST_TEST_CONTEXT(text)
        {
            auto blocks = parse_pem(text, 10);
            BOOST_TEST_REQUIRE(blocks.has_value());
            BOOST_TEST_REQUIRE(blocks->size() == 1);
            BOOST_TEST(blocks->front().der == "foo");
        }
}

BOOST_AUTO_TEST_CASE(refuses_what_another_reader_may_read_otherwise)
{
    for (const auto& text : {
             "-----BEGIN FOO-----\nZm9v\n"s,
             "-----BEGIN FOO-----\nZm9v\n-----END BAR-----\n"s,
             "-----BEGIN FOO-----\nZm9v\n-----END FOO----"s,
             "-----BEGIN FOO-----\nZm9v\n-----BEGIN FOO-----\nZm9v\n-----END FOO-----\n"s,
             "-----BEGIN FOO-----\nZm9v-----END FOO-----\n"s,
             "-----BEGIN FOO-----\nZm9\n-----END FOO-----\n"s,
             "-----BEGIN FOO-----\nZm9v=\n-----END FOO-----\n"s,
             "-----BEGIN FOO-----\nZm9-\n-----END FOO-----\n"s,
             "-----BEGIN FOO-----\nName: value\n\nZm9v\n-----END FOO-----\n"s,
             "-----BEGIN FOO-----\nZm\09v\n-----END FOO-----\n"s,
             "-----BEGIN FOO\nZm9v\n-----END FOO-----\n"s,
             "-----BEGIN-----\nZm9v\n-----END-----\n"s,
             "x-----BEGIN FOO-----\nZm9v\n-----END FOO-----\n"s,
             "-----END FOO-----\n"s,
             "-----BEGIN -----"s,
         })
        BOOST_TEST_CONTEXT(text)
    BOOST_TEST(!parse_pem(text, 10));
}

BOOST_AUTO_TEST_CASE(writes_lines_of_64_characters_that_read_back)
{
    for (std::size_t size : {0U, 1U, 47U, 48U, 49U, 95U, 96U, 97U, 1000U})
        BOOST_TEST_CONTEXT(size)
        {
            std::string data(size, '\xa5');
            auto text = write_pem("SOME THING", data);
            auto blocks = parse_pem(text, 2).value();
            BOOST_TEST_REQUIRE(blocks.size() == 1);
            BOOST_TEST(blocks[0].label == "SOME THING");
            BOOST_TEST(blocks[0].der == data);
            auto lines = std::count(text.begin(), text.end(), '\n');
            BOOST_TEST(lines == static_cast<long>(2 + ((size + 2) / 3 * 4 + 63) / 64));
        }
}

BOOST_AUTO_TEST_SUITE_END()
