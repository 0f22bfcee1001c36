#include "server/running.hpp"

/// Requests that others might read in another way.
namespace acme::test {
namespace {

std::string status(running& s, const std::string& fields, const std::string& body = "")
{
    const auto got = s.ask("POST / HTTP/1.1\r\n" + fields + close_after + "\r\n" + body);
    return got.substr(0, std::string("HTTP/1.1 200").size());
}

BOOST_AUTO_TEST_SUITE(requests)

BOOST_AUTO_TEST_CASE(a_host_field_has_to_be_a_host)
{
    bench b;
    running s(b);
    for (const std::string good : {"a.example", "A.Example.:443", "a_b.example", "192.0.2.1:80", "[::1]:443", ""})
        BOOST_TEST(status(s, "Host: " + good + "\r\n") == "HTTP/1.1 200", good);
    const auto asked = s.targets.size();
    for (const std::string bad : {"a b/@c", "a b", "a/b", "a@b.example", "a.example:x", "a.example:65536", "a,b",
             "[::1", "https://a.example", "a.example\r\nHost: a.example"})
        BOOST_TEST(status(s, "Host: " + bad + "\r\n") == "HTTP/1.1 400", bad);
    BOOST_TEST(status(s, "") == "HTTP/1.1 400");
    BOOST_TEST(s.targets.size() == asked);
    BOOST_TEST(has(s.ask("GET / HTTP/1.0\r\n\r\n"), " 200 OK\r\n"));
    BOOST_TEST(has(s.ask("GET / HTTP/1.0\r\nHost: a b\r\n\r\n"), " 400 "));
}

BOOST_AUTO_TEST_CASE(a_length_is_a_number)
{
    bench b;
    running s(b);
    const std::string host = "Host: a.example\r\n";
    BOOST_TEST(status(s, host + "Content-Length: 5\r\n", "abcde") == "HTTP/1.1 200");
    for (const std::string bad : {"5,5", "5, 5", "5,", "+5", "0x5", "5 5", ""})
        BOOST_TEST(status(s, host + "Content-Length: " + bad + "\r\n", "abcde") == "HTTP/1.1 400", bad);
    BOOST_TEST(s.targets.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
