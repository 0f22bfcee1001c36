#include "crypto/base64.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <string>
#include <utility>

using namespace acme;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(base64)

// RFC 4648 section 10, and both characters that differ from the standard alphabet.
const std::array<std::pair<std::string, std::string>, 9> vectors{{{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"},
    {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "-__-"}, {"\0"s, "AA"}}};

BOOST_AUTO_TEST_CASE(encodes_and_decodes_the_vectors_of_rfc_4648)
{
    for (const auto& [data, text] : vectors) {
        BOOST_TEST(base64url_encode(data) == text);
        BOOST_TEST(base64url_decode(text).value() == data);
        BOOST_TEST(base64_decode_lenient(text).value() == data);
    }
}

BOOST_AUTO_TEST_CASE(every_octet_survives_the_way_there_and_back)
{
    std::string data;
    for (int i = 0; i < 256; ++i) {
        data += static_cast<char>(i);
        BOOST_TEST(base64url_decode(base64url_encode(data)).value() == data);
    }
}

BOOST_AUTO_TEST_CASE(strict_decoding_refuses_all_but_the_canonical_text)
{
    for (const auto& text : {"Zg=="s, "Zg="s, "Z"s, "A"s, "Zm9vY"s, "Zm9vA"s, "Zh"s, "Zm9"s, "+__-"s, "-//-"s,
             "Zm9v\n"s, " Zm9v"s, "Zm 9v"s, "Zm9v\0"s, "Zm9\xff"s, "\0\0\0\0"s, "===="s, "."s})
        BOOST_TEST_CONTEXT(text)
    BOOST_TEST(!base64url_decode(text));
}

BOOST_AUTO_TEST_CASE(lenient_decoding_takes_the_standard_alphabet_padding_and_white_space)
{
    for (const auto& text : {"-__-"s, "+//+"s, "+__+"s, " +//+\r\n"s, "+/\n/+"s})
        BOOST_TEST_CONTEXT(text)
    BOOST_TEST(base64_decode_lenient(text).value() == "\xfb\xff\xfe");
    BOOST_TEST(base64_decode_lenient("Zg==").value() == "f");
    BOOST_TEST(base64_decode_lenient("Zm8=").value() == "fo");
    BOOST_TEST(base64_decode_lenient("Zg").value() == "f");
}

BOOST_AUTO_TEST_CASE(lenient_decoding_refuses_what_is_no_base64)
{
    for (const auto& text : {"Zg==="s, "=Zg"s, "Z=g="s, "Zm9v!"s, "Z"s, "\xff\xff\xff\xff"s})
        BOOST_TEST_CONTEXT(text)
    BOOST_TEST(!base64_decode_lenient(text));
}

BOOST_AUTO_TEST_SUITE_END()
