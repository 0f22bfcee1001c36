#include "store/etcd_gateway.hpp"

#include "protocol/printable.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <time.h>
#include <utility>

namespace acme {

namespace asio = boost::asio;
namespace json = boost::json;
using std::chrono::steady_clock;

namespace {

constexpr const char* step = "etcd";
constexpr auto pause = std::chrono::milliseconds(150);

[[noreturn]] void refuse_options(const std::string& why)
{
    throw error(make_error_code(boost::system::errc::invalid_argument), step, why);
}

std::vector<target> targets_of(const etcd_options& options)
{
    std::vector<target> all;
    for (const std::string& url : options.endpoints) {
        auto t = parse_http_target(url);
        if (!t || t->path != "/")
            refuse_options("an endpoint is not a URL such as http://10.0.0.1:2379: " + url);
        all.push_back(std::move(*t));
    }
    if (all.empty())
        refuse_options("there is no endpoint");
    return all;
}

http_client_options client_options(const etcd_options& options)
{
    using namespace std::chrono_literals;
    if (options.lease_duration < 2s || options.lease_duration > 1h)
        refuse_options("the lease duration is not between 2 seconds and an hour");
    if (options.certificate_file.empty() != options.key_file.empty())
        refuse_options("a client certificate needs its key, and a key its certificate");
    http_client_options o;
    o.ca_file = options.ca_file;
    o.certificate_file = options.certificate_file;
    o.key_file = options.key_file;
    o.connect_timeout = options.connect_timeout;
    return o;
}

bool contains(const std::string& text, const char* part) noexcept
{
    return text.find(part) != std::string::npos;
}

// What no other member would judge differently. A precondition is one of the member, such as to be no learner.
bool is_final(const etcd_refusal& r) noexcept
{
    switch (r.code) {
    case etcd_refusal::invalid_argument:
    case etcd_refusal::not_found:
    case etcd_refusal::permission_denied:
    case etcd_refusal::out_of_range: return !r.text.empty();
    default: return contains(r.text, "authentication is not enabled");
    }
}

// etcd has no code of its own for these. Old are tokens from before users or roles changed, and the last words
// those of the first 3.4.
bool concerns_token(const etcd_refusal& r) noexcept
{
    return r.code == etcd_refusal::unauthenticated || contains(r.text, "invalid auth token") ||
        contains(r.text, "user name is empty") || contains(r.text, "revision of auth store is old") ||
        contains(r.text, "revision in header is old");
}

} // namespace

std::chrono::nanoseconds time_since_boot() noexcept
{
    timespec t = {};
    ::clock_gettime(CLOCK_BOOTTIME, &t);
    return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

// What each member that was tried did last.
class etcd_gateway::failures
{
public:
    explicit failures(const std::vector<target>& members)
        : members_(members)
        , causes_(members.size())
    {}

    // An attempt that had less than its time says less than the one before.
    void add(std::size_t member, const attempt& a, bool cut_short = false)
    {
        if (!cut_short || a.code != errc::timed_out || causes_[member].empty())
            causes_[member] = a.cause;
    }

    [[noreturn]] void raise() const
    {
        std::string text;
        for (std::size_t i = 0; i < causes_.size(); ++i)
            if (!causes_[i].empty())
                text += (text.empty() ? "" : "; ") + members_[i].authority + ": " + causes_[i];
        throw error(make_error_code(errc::store_unavailable), step, text);
    }

private:
    const std::vector<target>& members_;
    std::vector<std::string> causes_;
};

etcd_gateway::etcd_gateway(strand s, etcd_options options)
    : strand_(std::move(s))
    , options_(std::move(options))
    , members_(targets_of(options_))
    , client_(strand_, client_options(options_))
{}

asio::awaitable<etcd_answer> etcd_gateway::async_call(
    std::string path, json::object message, repetition how, time_point limit)
{
    const auto end = std::min(limit, steady_clock::now() + options_.operation_timeout);
    json_request request(std::move(path), json::serialize(message));
    request.body_limit = max_etcd_answer;
    request.urgent = how == repetition::urgently;
    failures causes(members_);
    for (std::size_t attempts = 1;; ++attempts) {
        const std::size_t member = current_;
        const auto now = steady_clock::now();
        auto until = std::min(end, now + options_.request_timeout);
        if (limit != time_point::max())
            until = std::min(until, now + (end - now) / 2);
        attempt a = co_await try_authenticated(member, request, false, until);
        if (a.result == verdict::answered)
            co_return std::move(a.answer);
        if (a.result != verdict::failed)
            throw error(a.code, step, members_[member].authority + ": " + a.cause);
        causes.add(member, a, until - now < options_.request_timeout);
        if (a.begun)
            move_on(member, a);
        const bool round_ended = attempts % members_.size() == 0;
        if ((how == repetition::until_sent && a.sent) || (how == repetition::once_each && round_ended) ||
            steady_clock::now() + pause >= end)
            causes.raise();
        if (round_ended) {
            asio::steady_timer timer(strand_, pause);
            co_await timer.async_wait(asio::use_awaitable);
        }
    }
}

asio::awaitable<std::unique_ptr<line_stream>> etcd_gateway::async_watch(json::object message)
{
    json_request request("/v3/watch", json::serialize(message));
    request.body_limit = max_etcd_answer;
    // A member that has no leader ends the watch.
    request.fields.emplace_back("Grpc-Metadata-hasleader", "true");
    failures causes(members_);
    for (std::size_t attempts = 0; attempts < members_.size(); ++attempts) {
        const std::size_t member = current_;
        const auto until = steady_clock::now() + options_.request_timeout;
        attempt a = co_await try_authenticated(member, request, true, until);
        if (a.result == verdict::answered) {
            // A request may have left it meanwhile.
            watched_member_ = current_ = member;
            co_return std::move(a.stream);
        }
        causes.add(member, a);
        move_on(member, a);
    }
    causes.raise();
}

void etcd_gateway::leave_watched_member()
{
    if (current_ == watched_member_)
        current_ = (current_ + 1) % members_.size();
}

void etcd_gateway::watch_refused(const std::string& why)
{
    etcd_refusal refusal;
    refusal.text = why;
    if (concerns_token(refusal))
        token_.clear();
}

void etcd_gateway::move_on(std::size_t member, const attempt& a)
{
    client_.forget(members_[member]);
    if (current_ == member)
        current_ = (member + 1) % members_.size();
    if (watched_ && watched_member_ == member && (a.code == errc::timed_out || current_ != member))
        watched_->close();
}

// A token may have run out, or belong to a member that has forgotten it: it is replaced once.
asio::awaitable<etcd_gateway::attempt> etcd_gateway::try_authenticated(
    std::size_t member, json_request request, bool streaming, time_point until)
{
    attempt a;
    for (int tokens = 0; tokens < 2; ++tokens) {
        json_request authorized = request;
        if (!options_.user.empty()) {
            attempt authenticated = co_await authenticate(member, until);
            if (authenticated.result != verdict::answered)
                co_return authenticated;
            authorized.fields.emplace_back("Authorization", token_);
        }
        const std::string used = token_;
        a = co_await try_at(member, std::move(authorized), streaming, until);
        if (a.result != verdict::unauthenticated || options_.user.empty())
            co_return a;
        if (token_ == used)
            token_.clear();
    }
    co_return a;
}

asio::awaitable<etcd_gateway::attempt> etcd_gateway::authenticate(std::size_t member, time_point until)
{
    attempt done;
    done.result = verdict::answered;
    if (!token_.empty())
        co_return done;
    const slots::lease turn = co_await authentication_turn_.async_acquire(until);
    if (!token_.empty())
        co_return done;
    if (!turn) {
        done.result = verdict::failed;
        done.begun = false;
        done.code = make_error_code(errc::timed_out);
        done.cause = "no answer to a request for a token in time";
        co_return done;
    }
    json::object message;
    message["name"] = options_.user;
    message["password"] = options_.password;
    json_request request("/v3/auth/authenticate", json::serialize(message));
    request.urgent = true;
    attempt a = co_await try_at(member, std::move(request), false, until);
    const bool is_token = std::ranges::all_of(a.answer.token, [](char c) { return c > ' ' && c < 0x7F; });
    if (a.result == verdict::answered && is_token)
        token_ = a.answer.token;
    if (a.result == verdict::answered && token_.empty()) {
        a.result = verdict::failed;
        a.cause = "the answer has no token";
    }
    if (a.result == verdict::refused || a.result == verdict::unauthenticated) {
        a.code = make_error_code(boost::system::errc::permission_denied);
        a.cause = "the user " + printable(options_.user, 64) + " is refused: " + a.cause;
    }
    a.sent = false;
    co_return a;
}

asio::awaitable<etcd_gateway::attempt> etcd_gateway::try_at(
    std::size_t member, json_request request, bool streaming, time_point until)
{
    attempt a;
    http_client::outcome outcome;
    try {
        if (streaming) {
            http_client::opened o = co_await client_.async_open_stream(members_[member], std::move(request), until);
            a.stream = std::move(o.stream);
            judge(a, o.header);
        } else {
            const auto asked = time_since_boot();
            const auto response = co_await client_.async_exchange(members_[member], std::move(request), until, outcome);
            a.sent = true;
            judge(a, response);
            a.answer.asked = asked;
        }
    } catch (const error& e) {
        if (e.code() == asio::error::operation_aborted)
            throw error(e.code(), step);
        a.code = e.code();
        a.cause = e.explanation();
        a.begun = streaming || outcome.begun;
        a.sent = outcome.sent;
    }
    if (a.result == verdict::answered && a.answer.revision > revision_)
        revision_ = a.answer.revision;
    co_return a;
}

void etcd_gateway::judge(attempt& a, const https_response& response) const
{
    if (a.stream) {
        a.result = verdict::answered;
        return;
    }
    if (response.status == 200) {
        auto answer = parse_etcd_answer(response.body);
        a.result = answer ? verdict::answered : verdict::failed;
        a.cause = answer.why;
        if (answer)
            a.answer = std::move(*answer);
        return;
    }
    const etcd_refusal refusal = parse_etcd_refusal(response.body);
    // Only leases are not found.
    a.code = make_error_code(refusal.code == etcd_refusal::not_found ? errc::lock_lost : errc::store_unavailable);
    a.cause = refusal.text;
    if (a.cause.empty())
        a.cause = "HTTP status " + std::to_string(response.status) +
            (response.body.empty() ? "" : ": " + printable(response.body, 200));
    // A member that could not has not.
    a.sent = a.sent && refusal.code != etcd_refusal::failed_precondition;
    if (concerns_token(refusal))
        a.result = verdict::unauthenticated;
    else
        a.result = is_final(refusal) ? verdict::refused : verdict::failed;
    if (refusal.code == etcd_refusal::permission_denied || a.result == verdict::unauthenticated)
        a.code = make_error_code(boost::system::errc::permission_denied);
}

} // namespace acme
