#include "store/archive.hpp"

#include "crypto/jose.hpp"
#include "store/scratch.hpp"

#include <boost/test/unit_test.hpp>

namespace acme::test {

namespace {

const objects sample = {
    {"account/acme-v02", "{\"url\": \"https://ca.example/acct/1\"}"},
    {"certificate/example.org", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"},
    {"empty", ""},
    {"odd", std::string("tab\t quote\" backslash\\ nul\0 del\x7F \xC3\xA4 \xF0\x9F\x94\x91", 40)},
};

std::string with_header(const std::string& body)
{
    std::string hex;
    for (const unsigned char octet : sha256(body)) {
        hex += "0123456789abcdef"[octet / 16];
        hex += "0123456789abcdef"[octet % 16];
    }
    return "asio-acme-state 1 " + hex + "\n" + body;
}

std::optional<error> refusal(const std::string& text)
{
    return failure_of([&] { decode_archive(text, "/x/acme.cache"); });
}

} // namespace

BOOST_AUTO_TEST_SUITE(archive)

BOOST_AUTO_TEST_CASE(what_was_encoded_is_decoded)
{
    for (const objects& contents : {objects(), sample, objects{{"k", std::string(max_value_size, 'x')}},
             objects{{std::string(max_key_size, 'k'), std::string(max_value_size, '\x01')}}})
        BOOST_TEST((decode_archive(encode_archive(contents), "x") == contents));
}

BOOST_AUTO_TEST_CASE(values_of_any_text_survive)
{
    objects contents;
    for (unsigned c = 0; c < 0x11000; c += c < 0x900 ? 1 : 0x61) {
        std::string text;
        if (c < 0x80)
            text = {static_cast<char>(c)};
        else if (c < 0x800)
            text = {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 63))};
        else if (c < 0x10000)
            text = {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
                static_cast<char>(0x80 | (c & 63))};
        if (is_valid_value(text))
            contents.emplace("c" + std::to_string(c), text);
    }
    BOOST_TEST_REQUIRE(contents.size() > 2500U);
    BOOST_TEST((decode_archive(encode_archive(contents), "x") == contents));
}

BOOST_AUTO_TEST_CASE(the_text_is_deterministic_and_legible)
{
    const objects contents = {{"b", "2\n"}, {"a", "1"}};
    const std::string expected = with_header("{\n\"a\": \"1\",\n\"b\": \"2\\n\"\n}\n");
    BOOST_TEST(encode_archive(contents) == expected);
}

BOOST_AUTO_TEST_CASE(what_could_not_be_read_again_is_not_encoded)
{
    for (const objects& bad : {objects{{"Bad Key", ""}}, objects{{"k", "\xFF"}}, objects{{"k", "\xED\xA0\x80"}},
             objects{{"k", std::string(max_value_size + 1, 'x')}}}) {
        const auto e = failure_of([&] { encode_archive(bad); });
        BOOST_TEST_REQUIRE(e.has_value());
        BOOST_TEST((e->code() == boost::system::errc::invalid_argument));
    }
}

BOOST_AUTO_TEST_CASE(every_truncation_is_damaged)
{
    const std::string text = encode_archive(sample);
    for (std::size_t length = 0; length < text.size(); ++length) {
        const auto e = refusal(text.substr(0, length));
        BOOST_TEST_REQUIRE(e.has_value(), length);
        BOOST_TEST((e->code() == errc::damaged_state), length << ": " << e->what());
    }
}

BOOST_AUTO_TEST_CASE(every_flipped_bit_is_refused)
{
    const std::string text = encode_archive(sample);
    for (std::size_t at = 0; at < text.size(); ++at) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            std::string flipped = text;
            flipped[at] = static_cast<char>(static_cast<unsigned char>(flipped[at]) ^ 1U << bit);
            const auto e = refusal(flipped);
            BOOST_TEST_REQUIRE(e.has_value(), at << "/" << bit);
            BOOST_TEST((e->code() == errc::damaged_state || e->code() == errc::foreign_state));
            // Nothing but the word at the beginning and the version make it somebody else's.
            BOOST_TEST((e->code() == errc::damaged_state || at <= 16), at << ": " << e->what());
        }
    }
}

BOOST_AUTO_TEST_CASE(every_inserted_or_doubled_octet_is_refused)
{
    const std::string text = encode_archive(sample);
    for (std::size_t at = 0; at <= text.size(); ++at) {
        BOOST_TEST(refusal(text.substr(0, at) + " " + text.substr(at)).has_value(), at);
        BOOST_TEST(refusal(text.substr(0, at) + text.substr(at ? at - 1 : 0)).has_value() != (at == 0), at);
    }
}

struct refused
{
    const char* name;
    std::string text;
    errc code;
    const char* cause;
};

BOOST_AUTO_TEST_CASE(refusals_name_place_position_and_cause)
{
    const std::string good = encode_archive(sample);
    std::string windows;
    for (const char c : good)
        windows += c == '\n' ? "\r\n" : std::string(1, c);
    const std::string hash(64, '0');
    const refused table[] = {
        {"empty", "", errc::damaged_state, "it is empty"},
        {"somebody else's JSON", "{\"a\": 1}", errc::foreign_state, "line 1"},
        {"a PEM file", "-----BEGIN CERTIFICATE-----\n", errc::foreign_state, "line 1"},
        {"an ELF file",
            std::string("\x7F"
                        "ELF\0\0\0",
                7),
            errc::foreign_state, "line 1"},
        {"zeros", std::string(4096, '\0'), errc::foreign_state, "line 1"},
        {"byte order mark", "\xEF\xBB\xBF" + good, errc::foreign_state, "line 1"},
        {"newer version", "asio-acme-state 2 whatever it has\n", errc::foreign_state, "version 2"},
        {"no version", "asio-acme-state x\n", errc::damaged_state, "version number"},
        {"version 0", "asio-acme-state 0 " + hash + "\n{}", errc::damaged_state, "version number"},
        {"negative version", "asio-acme-state -1 " + hash + "\n{}", errc::damaged_state, "version number"},
        {"huge version", "asio-acme-state 99999999999 " + hash + "\n{}", errc::damaged_state, "version number"},
        {"endless header", "asio-acme-state 1 " + std::string(100000, 'a'), errc::damaged_state, "line 1"},
        {"wrong checksum", "asio-acme-state 1 " + hash + "\n{}", errc::damaged_state, "checksum"},
        {"no body", with_header(""), errc::damaged_state, "the end is missing"},
        {"line ends", windows, errc::damaged_state, "line 1: the checksum"},
        {"truncated", good.substr(0, good.size() - 30), errc::damaged_state, "object odd"},
        {"appended", good + "x", errc::damaged_state, "line 8, octet"},
        {"two bodies", with_header("{}{}"), errc::damaged_state, "line 2, octet 85"},
        {"an array", with_header("[]"), errc::damaged_state, "not a JSON object"},
        {"a string", with_header("\"a\""), errc::damaged_state, "not a JSON object"},
        {"a long string", with_header('"' + std::string(100000, 'a') + '"'), errc::damaged_state, "not a JSON object"},
        {"a number", with_header("12"), errc::damaged_state, "not a JSON object"},
        {"null", with_header("null"), errc::damaged_state, "not a JSON object"},
        {"a number in it", with_header("{\"a\":\"\",\n\"b\": 1}"), errc::damaged_state, "line 3"},
        {"an object in it", with_header("{\"b\": {\"a\":\"\"}}"), errc::damaged_state,
            "object b: a value is an object"},
        {"an array in it", with_header("{\"b\": [\"\"]}"), errc::damaged_state, "object b: a value is not a string"},
        {"a null in it", with_header("{\"b\": null}"), errc::damaged_state, "object b: a value is not a string"},
        {"a key twice", with_header("{\"a\":\"1\",\"b\":\"2\",\"a\":\"3\"}"), errc::damaged_state,
            "object a: the key is there twice"},
        {"a bad key", with_header("{\"../a\":\"1\"}"), errc::damaged_state, "invalid key"},
        {"an empty key", with_header("{\"\":\"1\"}"), errc::damaged_state, "invalid key"},
        {"a key in disguise", with_header("{\"\\u0041\":\"1\"}"), errc::damaged_state, "invalid key"},
        {"a long key", with_header("{\"" + std::string(513, 'k') + "\":\"1\"}"), errc::damaged_state, "line 2"},
        {"a long value", with_header("{\"k\":\"" + std::string(max_value_size + 1, 'v') + "\"}"), errc::damaged_state,
            "object k"},
        {"bad UTF-8", with_header("{\"k\":\"\xFF\"}"), errc::damaged_state, "object k"},
        {"a comment", with_header("{/* */}"), errc::damaged_state, "line 2"},
        {"a trailing comma", with_header("{\"k\":\"\",}"), errc::damaged_state, "line 2"},
        {"deep nesting", with_header(std::string(100000, '[')), errc::damaged_state, "line 2"},
        {"deep objects", with_header(std::string("{\"a\":") + std::string(100000, '{')), errc::damaged_state,
            "object a"},
    };
    for (const refused& row : table) {
        const auto e = refusal(row.text);
        BOOST_TEST_REQUIRE(e.has_value(), row.name);
        BOOST_TEST((e->code() == row.code), row.name << ": " << e->what());
        const std::string& said = e->explanation();
        BOOST_TEST(said.starts_with("/x/acme.cache: "), row.name << ": " << said);
        BOOST_TEST(said.find(row.cause) != std::string::npos, row.name << ": " << said);
        BOOST_TEST(said.size() < 1000U, row.name);
    }
}

BOOST_AUTO_TEST_CASE(keys_in_any_order_are_read)
{
    const objects expected = {{"a", "1"}, {"b", "2"}};
    BOOST_TEST((decode_archive(with_header(" {\"b\":\"2\", \"a\":\"1\"} \n"), "x") == expected));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
