#include "client/bench.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

using namespace acme;
using namespace acme::test;

namespace {

struct place
{
    const char* url_part;
    const char* step;
};

// Every kind of request that obtaining a certificate takes.
constexpr place places[] = {
    {"/directory", "directory"},
    {"/new-nonce", "newNonce"},
    {"/new-account", "newAccount"},
    {"/new-order", "newOrder"},
    {"/authz/1", "authorization"},
    {"/tls-alpn-01", "challenge"},
    {"/finalize", "finalize"},
    {"/order/", "order"},
    {"/cert/", "certificate"},
};

bool goes_to(const https_request& r, const place& p)
{
    const std::string part = p.url_part;
    if (part == "/order/" && r.url.ends_with("/finalize"))
        return false;
    if (part == "/authz/1")
        return r.url.find("/authz/") != std::string::npos && r.url.find("-01") == std::string::npos;
    return r.url.find(part) != std::string::npos;
}

asio::awaitable<certificate_ptr> obtain_cold(client& c, responder& r)
{
    const account_request nobody;
    co_await c.async_new_account(nobody);
    obtain_request request = request_for({"example.com"});
    co_return co_await c.async_obtain(std::move(request), r);
}

// What comes of answering all requests to one place like this.
std::optional<error> outcome_at(const place& p, const std::function<void(https_response&)>& spoil)
{
    bench b;
    b.net->rewrite = [&](std::size_t, const https_request& r, https_response& a) {
        if (goes_to(r, p))
            spoil(a);
    };
    client c(b.options());
    const auto e = b.failure_of(obtain_cold(c, b.responder));
    BOOST_TEST(b.responder.begun == b.responder.withdrawn);
    BOOST_TEST(b.clock->elapsed() < std::chrono::seconds(660));
    BOOST_TEST(b.net->requests.size() < 200u);
    return e;
}

error error_at(const place& p, const std::function<void(https_response&)>& spoil)
{
    const auto e = outcome_at(p, spoil);
    BOOST_REQUIRE_MESSAGE(e, "no error at " << p.step);
    BOOST_TEST(std::string(e->what()).size() < 4'096u);
    return *e;
}

} // namespace

BOOST_AUTO_TEST_SUITE(client_nonsense)

BOOST_AUTO_TEST_CASE(bodies_that_are_no_answer_are_typed_errors_that_name_the_step)
{
    const std::string bodies[] = {"", "{", "[]", "null", "7", "\"valid\"", "{}", R"({"status":7})",
        R"({"status":"dancing"})", "{\"status\":\"valid\"}{}", "\xef\xbb\xbf{}", "<html></html>",
        std::string(1 << 20, 'x'), "{\"status\":" + std::string(100'000, '['), std::string(64, '\0')};
    for (const place& p : places) {
        if (std::string_view(p.step) == "newNonce")
            continue;
        for (const std::string& body : bodies) {
            BOOST_TEST_CONTEXT(p.step << " " << body.substr(0, 30))
            {
                const error e = error_at(p, [&](https_response& a) { a.body = body; });
                const bool certificate = std::string_view(p.step) == "certificate";
                BOOST_TEST(e.code() == (certificate ? errc::certificate_rejected : errc::unexpected_answer));
                BOOST_TEST(e.step() == p.step);
                BOOST_TEST(!e.explanation().empty());
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(another_media_type_is_refused_and_quoted_safely)
{
    for (const place& p : places) {
        if (std::string_view(p.step) == "newNonce")
            continue;
        const error e = error_at(p, [](https_response& a) {
            for (auto& [name, value] : a.fields)
                if (name == "content-type")
                    value = "text/html; charset=utf-8";
            a.body = "<html>\x1b[31mSign in to the hotel's network\r\nSet-Cookie: x";
        });
        BOOST_TEST(e.code() == errc::unexpected_answer);
        BOOST_TEST(e.step() == p.step);
        const std::string what = e.what();
        BOOST_TEST(what.find("hotel") != std::string::npos);
        BOOST_TEST(what.find_first_of("\x1b\r\n") == std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(redirects_and_impossible_statuses_are_refused)
{
    for (const place& p : places) {
        for (const unsigned status : {0u, 101u, 199u, 301u, 302u, 307u, 399u, 600u, 999u}) {
            const error e = error_at(p, [&](https_response& a) {
                a.status = status;
                a.fields.emplace_back("location", "http://elsewhere.test/\x1b");
            });
            BOOST_TEST(e.code() == errc::unexpected_answer);
            BOOST_TEST(e.step() == p.step);
        }
    }
}

BOOST_AUTO_TEST_CASE(http_errors_without_a_problem_document_are_typed)
{
    for (const place& p : places) {
        for (const unsigned status : {400u, 403u, 404u, 405u, 429u, 500u, 502u, 503u}) {
            BOOST_TEST_CONTEXT(p.step << " " << status)
            {
                const auto e = outcome_at(p, [&](https_response& a) {
                    a = https_response();
                    a.status = status;
                });
                // What a CA in trouble has done nevertheless shows in the order and its authorizations.
                const std::string_view step = p.step;
                BOOST_REQUIRE(e.has_value() != (status >= 500 && (step == "challenge" || step == "finalize")));
                if (!e)
                    continue;
                BOOST_REQUIRE(e->problem());
                BOOST_TEST(e->problem()->status == status);
                BOOST_TEST(e->step() == p.step);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(every_problem_type_comes_through_with_its_text)
{
    const std::pair<const char*, errc> types[] = {{"badPublicKey", errc::bad_public_key}, {"caa", errc::caa},
        {"rateLimited", errc::rate_limited}, {"rejectedIdentifier", errc::rejected_identifier},
        {"serverInternal", errc::server_internal}, {"userActionRequired", errc::user_action_required},
        {"orderNotReady", errc::order_not_ready}, {"theNextBigThing", errc::unknown_problem}};
    for (const auto& [type, code] : types) {
        const error e =
            error_at(places[3], [&, t = type](https_response& a) { a = problem_answer(403, t, "why not"); });
        BOOST_TEST(e.code() == code);
        BOOST_REQUIRE(e.problem());
        BOOST_TEST(e.problem()->detail == "why not");
    }
}

BOOST_AUTO_TEST_CASE(an_order_that_never_becomes_ready_ends_in_time)
{
    bench b;
    b.net->rewrite = [&](std::size_t, const https_request& r, https_response& a) {
        if (!r.url.ends_with("/finalize"))
            return;
        a = problem_answer(403, "orderNotReady", "never");
        for (auto& [url, o] : b.ca.state().orders)
            o.status = "ready";
    };
    client c(b.options());
    const auto e = b.failure_of(obtain_cold(c, b.responder));
    BOOST_REQUIRE(e);
    BOOST_TEST(b.net->requests.size() < 300u);
}

BOOST_AUTO_TEST_CASE(every_single_change_of_an_octet_ends_well_or_typed)
{
    // Each answer in turn gets one of its octets changed, at several places.
    for (std::size_t number = 0; number < 14; ++number) {
        for (const std::size_t at : {1u, 7u, 20u, 40u, 80u, 130u, 200u}) {
            bench b;
            b.net->rewrite = [&](std::size_t n, const https_request&, https_response& a) {
                if (n == number && at < a.body.size())
                    a.body[at] = static_cast<char>(a.body[at] ^ 0x15);
            };
            client c(b.options());
            b.failure_of(obtain_cold(c, b.responder));
            BOOST_TEST(b.responder.begun == b.responder.withdrawn);
            BOOST_TEST(b.net->requests.size() < 200u);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
