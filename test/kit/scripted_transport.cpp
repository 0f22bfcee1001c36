#include "kit/scripted_transport.hpp"

#include <acme/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <utility>

namespace acme::test {

namespace asio = boost::asio;

namespace {

struct counted
{
    explicit counted(scripted_transport& t_)
        : t(t_)
    {
        t.most_in_flight = std::max(t.most_in_flight, ++t.in_flight);
    }
    ~counted() { --t.in_flight; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;

    scripted_transport& t;
};

} // namespace

scripted_transport::scripted_transport(peer p)
    : peer_(std::move(p))
{}

asio::awaitable<https_response> scripted_transport::async_exchange(https_request request)
{
    const counted guard(*this);
    const std::size_t number = requests.size();
    requests.push_back(request);
    const fate f = decide ? decide(number, request) : fate::deliver;

    asio::steady_timer never(co_await asio::this_coro::executor, std::chrono::steady_clock::time_point::max());
    co_await asio::post(asio::use_awaitable);
    if (f == fate::lose_request)
        throw error(asio::error::connection_reset, "connection to the CA", "lost on the way there");
    https_response answer = peer_(request);
    if (f == fate::lose_answer)
        throw error(asio::error::connection_reset, "connection to the CA", "lost on the way back");
    if (f == fate::hang)
        co_await never.async_wait(asio::use_awaitable);
    if (rewrite)
        rewrite(number, request, answer);
    co_await asio::post(asio::use_awaitable);
    co_return answer;
}

std::size_t scripted_transport::count(std::string_view method, std::string_view part) const
{
    return static_cast<std::size_t>(std::count_if(requests.begin(), requests.end(),
        [&](const https_request& r) { return r.method == method && r.url.find(part) != std::string::npos; }));
}

https_response json_answer(unsigned status, std::string body)
{
    https_response answer;
    answer.status = status;
    answer.fields.emplace_back("content-type", "application/json");
    answer.body = std::move(body);
    return answer;
}

https_response problem_answer(unsigned status, std::string_view type, std::string_view detail)
{
    boost::json::object body;
    body["type"] = "urn:ietf:params:acme:error:" + std::string(type);
    body["detail"] = detail;
    body["status"] = status;
    https_response answer = json_answer(status, boost::json::serialize(body));
    answer.fields.front().second = "application/problem+json";
    return answer;
}

} // namespace acme::test
