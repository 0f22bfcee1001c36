#include "store/etcd_messages.hpp"

#include <boost/json/serialize.hpp>
#include <boost/test/unit_test.hpp>

namespace acme::test {

BOOST_AUTO_TEST_SUITE(etcd_messages)

BOOST_AUTO_TEST_CASE(a_prefix_ends_before_the_next_one)
{
    BOOST_TEST(etcd_range_end("a/") == "a0");
    BOOST_TEST(etcd_range_end("a\xFF\xFF") == "b");
    BOOST_TEST((etcd_range_end("") == std::string(1, '\0')));
    BOOST_TEST((etcd_range_end("\xFF") == std::string(1, '\0')));
}

BOOST_AUTO_TEST_CASE(numbers_are_texts_and_octets_base64)
{
    BOOST_TEST(boost::json::serialize(etcd_put("k", "v", 7)) == R"({"key":"aw==","value":"dg==","lease":"7"})");
    etcd_transaction t;
    t.when(etcd_created_at("k", 3)).when(etcd_unchanged_since("f", 4));
    t.then("request_put", etcd_put("k", "")).otherwise("request_range", etcd_get("k"));
    BOOST_TEST(boost::json::serialize(t.message) ==
        R"({"compare":[{"key":"aw==","target":"CREATE","result":"EQUAL","create_revision":"3"},)"
        R"({"key":"Zg==","target":"MOD","result":"LESS","mod_revision":"5"}],)"
        R"("success":[{"request_put":{"key":"aw==","value":""}}],"failure":[{"request_range":{"key":"aw=="}}]})");
}

BOOST_AUTO_TEST_CASE(an_answer_is_read)
{
    const auto range = parse_etcd_answer(
        R"({"header":{"revision":"4611686018427387904"},"kvs":[{"key":"YQ==","create_revision":"2","mod_revision":3,)"
        R"("value":"aGk="},{}],"more":true})");
    BOOST_TEST_REQUIRE(bool(range));
    BOOST_TEST(range->revision == 4'611'686'018'427'387'904);
    BOOST_TEST(range->range.more);
    BOOST_TEST_REQUIRE(range->range.all.size() == 2U);
    BOOST_TEST(range->range.all[0].key == "a");
    BOOST_TEST(range->range.all[0].value == "hi");
    BOOST_TEST(range->range.all[0].create_revision == 2);
    BOOST_TEST(range->range.all[0].mod_revision == 3);
    const auto lease = parse_etcd_answer(
        "{\"result\":{\"header\":{\"revision\":\"1\"},\"ID\":\"9223372036854775807\",\"TTL\":\"10\"}}\n");
    BOOST_TEST_REQUIRE(bool(lease));
    BOOST_TEST(lease->lease == 9'223'372'036'854'775'807);
    BOOST_TEST(lease->ttl == 10);
}

BOOST_AUTO_TEST_CASE(what_is_no_answer_is_refused)
{
    for (const char* text : {"", "null", "[]", "{}", "{\"header\":{}}", "{\"header\":{\"revision\":\"-1\"}}",
             "{\"header\":{\"revision\":\"1x\"}}", "{\"header\":{\"revision\":\"\"}}",
             "{\"header\":{\"revision\":1.5}}", "{\"header\":{\"revision\":\"99999999999999999999\"}}",
             "{\"header\":{\"revision\":\"4611686018427387905\"}}",
             "{\"header\":{\"revision\":\"1\"},\"kvs\":[{\"create_revision\":\"9223372036854775807\"}]}",
             "{\"header\":7}", "{\"header\":{\"revision\":\"1\"},\"kvs\":{}}",
             "{\"header\":{\"revision\":\"1\"},\"kvs\":[7]}",
             "{\"header\":{\"revision\":\"1\"},\"kvs\":[{\"key\":\"a\"}]}",
             "{\"header\":{\"revision\":\"1\"},\"kvs\":[{\"key\":7}]}",
             "{\"header\":{\"revision\":\"1\"},\"more\":\"yes\"}", "{\"header\":{\"revision\":\"1\"}} x"})
        BOOST_TEST(!parse_etcd_answer(text), text);
    for (const char* line : {"", "7", "{}", "{\"result\":[]}", "{\"result\":{\"events\":[7]}}",
             "{\"result\":{\"events\":[{\"kv\":{\"key\":\"?\"}}]}}", "{\"result\":{\"created\":1}}",
             "{\"result\":{\"header\":{\"revision\":\"9223372036854775807\"},\"created\":true}}",
             "{\"result\":{\"canceled\":true,\"compact_revision\":\"9223372036854775807\"}}",
             "{\"result\":{\"events\":[{\"kv\":{\"mod_revision\":\"-1\"}}]}}"})
        BOOST_TEST(!parse_etcd_watch(line), line);
    BOOST_TEST(!parse_etcd_answer(std::string(max_etcd_answer + 1, ' ')));
    BOOST_TEST(!parse_etcd_answer(std::string(100'000, '[')));
}

BOOST_AUTO_TEST_CASE(a_refusal_is_read_and_made_printable)
{
    const auto r = parse_etcd_refusal(R"({"error":"etcdserver: no\u001bleader","code":14})");
    BOOST_TEST(r.code == int(etcd_refusal::unavailable));
    BOOST_TEST(r.text == "etcdserver: no?leader");
    const auto ended = parse_etcd_watch(R"({"error":{"grpc_code":14,"http_code":503,"message":"no leader"}})");
    BOOST_TEST_REQUIRE(bool(ended));
    BOOST_TEST(ended->cancelled);
    BOOST_TEST(ended->reason == "no leader");
    BOOST_TEST(parse_etcd_refusal("<html>").text == "");
    BOOST_TEST(parse_etcd_refusal(R"({"code":99999999999})").code == int(etcd_refusal::unknown));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
