#include "client/deadline.hpp"
#include "crypto/challenge_certificate.hpp"
#include "manager/core.hpp"
#include "protocol/challenge_choice.hpp"
#include "protocol/challenge_token.hpp"
#include "protocol/host_name.hpp"
#include "protocol/json_members.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <set>
#include <utility>

// Challenges that any manager on the same store answers.
namespace acme {
namespace {

namespace json = boost::json;

constexpr std::size_t longest_key_authorization = 512;

// What a validation waits for at most that has come here before word of its challenge: CAs wait longer.
constexpr std::chrono::seconds longest_wait{5};

// After which the store is asked for what it may not have told, and how long it is not asked then.
constexpr std::chrono::milliseconds usual_wait{500};
constexpr std::chrono::milliseconds between_readings{250};

// Who looks for the challenge of any host.
const std::string every_challenge;

struct challenge_record
{
    std::string type;
    std::string token;
    std::string key_authorization;
};

std::string encode(const challenge_record& r)
{
    json::object o;
    o["type"] = r.type;
    o["token"] = r.token;
    o["key_authorization"] = r.key_authorization;
    return json::serialize(o);
}

// RFC 8555 section 8.1.
bool is_key_authorization(std::string_view s, const std::string& token)
{
    const auto begin = token + ".";
    return s.starts_with(begin) && is_challenge_token(s.substr(begin.size()));
}

std::optional<challenge_record> decode(std::string_view value)
{
    const auto o = parse_object(value);
    if (!o)
        return std::nullopt;
    json_members members(*o, "the challenge");
    challenge_record r;
    r.type = members.word("type", presence::required);
    r.token = members.word("token", presence::required);
    r.key_authorization = members.word("key_authorization", presence::required, longest_key_authorization);
    const bool usable = members.ok() && is_challenge_token(r.token) &&
        is_key_authorization(r.key_authorization, r.token) && (r.type == tls_alpn_01 || r.type == http_01);
    return usable ? std::make_optional(std::move(r)) : std::nullopt;
}

/// Counts one who waits.
class counted
{
public:
    explicit counted(std::size_t& n)
        : n_(n)
    {
        ++n_;
    }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { --n_; }

private:
    std::size_t& n_;
};

/// Something that is wanted as long as this exists.
class wanted
{
public:
    wanted(std::multiset<std::string>& all, std::string key)
        : all_(all)
        , position_(all.insert(std::move(key)))
    {}
    wanted(const wanted&) = delete;
    wanted& operator=(const wanted&) = delete;
    ~wanted() { all_.erase(position_); }

private:
    std::multiset<std::string>& all_;
    const std::multiset<std::string>::iterator position_;
};

} // namespace

// In the store before the CA is told.
asio::awaitable<void> manager::core::publish_challenge(std::string host, challenge c, std::string key_authorization)
{
    if (!group_.changes)
        co_return;
    challenge_record r;
    r.type = std::move(c.type);
    r.token = std::move(c.token);
    r.key_authorization = std::move(key_authorization);
    auto value = encode(r);
    const auto key = keys_.challenge(host);
    const auto held = group_.locks.find(host);
    const auto lock = held == group_.locks.end() ? nullptr : held->second;
    try {
        if (lock)
            co_await store_->async_guarded_save(key, std::move(value), *lock);
        else
            co_await store_->async_save(key, std::move(value));
    } catch (const error& e) {
        if (e.code() == asio::error::operation_aborted || !can_not_wait(host))
            throw;
    }
}

// What a store in trouble keeps, the next issuance of the host erases.
asio::awaitable<void> manager::core::erase_challenge(std::string host, std::shared_ptr<const store::lock> lock)
{
    try {
        co_await store_->async_guarded_erase(keys_.challenge(host), *lock);
    } catch (const error& e) {
        if (e.code() == asio::error::operation_aborted)
            throw;
    }
}

// Whether that is, still: an order of this manager's own has an answer in the same place.
bool manager::core::is_answered(const std::string& host, const std::string& value) const
{
    const auto known = group_.challenges.find(host);
    if (known == group_.challenges.end() || known->second.value != value)
        return false;
    const auto& c = known->second;
    return c.answer ? index_->challenges.find(host) == c.answer
                    : index_->http_challenges.find(c.token) == c.http_answer;
}

void manager::core::take_challenge(const std::string& host, const std::string& value)
{
    const auto running = issuances_.find(host);
    const bool is_own = running != issuances_.end() && running->second->ordering && !has_lost_lock(host);
    if (is_own || is_answered(host, value))
        return;
    drop_challenge(host);
    const auto r = decode(value);
    const auto name = normalize_host_name(host);
    if (!r || !name || *name != host || group_.challenges.size() >= options_.max_waiters)
        return;
    shared_challenge shared;
    shared.value = value;
    if (r->type == tls_alpn_01) {
        shared.answer = make_challenge_certificate(host, r->key_authorization, now());
        if (!shared.answer)
            return;
        index_->challenges.insert(host, shared.answer);
    } else {
        shared.token = r->token;
        shared.http_answer = std::make_shared<const http_challenge>(host, r->key_authorization);
        index_->http_challenges.insert(shared.token, shared.http_answer);
    }
    group_.challenges[host] = std::move(shared);
    challenge_news_.cancel();
}

void manager::core::drop_challenge(const std::string& host)
{
    auto it = group_.challenges.find(host);
    if (it == group_.challenges.end())
        return;
    auto shared = std::move(it->second);
    group_.challenges.erase(it);
    if (shared.http_answer)
        index_->http_challenges.retire(shared.token, shared.http_answer, options_.challenge_grace);
    else if (stopped_)
        index_->challenges.erase(host, shared.answer);
    else
        spawn(retire_challenge(host, shared.answer));
}

asio::awaitable<certificate_ptr> manager::core::find_challenge(
    std::string server_name, std::optional<asio::ip::address> client)
{
    // Among others the manager's own self-check waits for its answer as theirs do: an order may have begun elsewhere.
    auto is_there = [this, server_name] {
        return group_.nodes.empty() ? index_->find_challenge(server_name) != nullptr : index_->is_pending(server_name);
    };
    const auto host = normalize_host_name(server_name);
    if (host)
        co_await wait_for_challenge(is_there, keys_.challenge(*host), client);
    auto found = index_->find_challenge(server_name);
    co_return found ? found : answer_self_check(server_name);
}

asio::awaitable<http_challenge_ptr> manager::core::find_http_challenge(
    std::string token, std::optional<asio::ip::address> client)
{
    if (auto answer = answer_http_self_check(token))
        co_return answer;
    auto is_there = [this, token] { return index_->find_http_challenge(token) != nullptr; };
    co_await wait_for_challenge(is_there, every_challenge, client);
    co_return index_->find_http_challenge(token);
}

// A validation may be faster than the word of its challenge.
asio::awaitable<void> manager::core::wait_for_challenge(
    std::function<bool()> is_there, std::string key, std::optional<asio::ip::address> client)
{
    if (!group_.changes || stopped_ || is_there() || challenge_waiters_ >= options_.max_waiters)
        co_return;
    const counted here(challenge_waiters_);
    const counted_client of_client(client_challenge_waiters_, client ? client_key(*client) : std::string());
    if (of_client.count() > options_.max_waiters_per_client)
        co_return;
    const wanted this_one(challenge_readings_.wanted, std::move(key));
    using namespace asio::experimental::awaitable_operators;
    auto news = hear_of_challenge(is_there) || look_for_challenge(is_there);
    co_await async_within(*options_.clock, longest_wait, std::move(news));
}

// Until it is there, or the store is seen to have none: it is in the store before the CA is told.
asio::awaitable<void> manager::core::look_for_challenge(std::function<bool()> is_there)
{
    // Of those who are not known nothing will be heard.
    if (is_heard() && !group_.nodes.empty())
        co_await options_.clock->async_wait(usual_wait);
    bool all_seen = false;
    while (!all_seen && !stopped_ && !is_there())
        all_seen = co_await challenges_read();
}

// What has changed in the store is told here.
bool manager::core::is_heard() const
{
    return !group_.cut_off && !group_.is_behind;
}

// True where all that is wanted was read since this was called, and from the common store, not from what another one
// remembers of it.
asio::awaitable<bool> manager::core::challenges_read()
{
    auto& readings = challenge_readings_;
    const auto enough = readings.begun + 1;
    while (readings.ended < enough && !stopped_) {
        if (!std::exchange(readings.is_active, true))
            spawn(read_challenges(store_));
        co_await challenge_news_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    co_return readings.complete;
}

// Once for all that wait, whoever of them goes meanwhile; and not again for a while.
asio::awaitable<void> manager::core::read_challenges(std::shared_ptr<store> where)
{
    auto& readings = challenge_readings_;
    const std::shared_ptr<const void> at_end(nullptr, [this](const void*) {
        challenge_readings_.is_active = false;
        challenge_news_.cancel();
    });
    ++readings.begun;
    bool complete = is_heard();
    try {
        const auto pending = co_await where->async_list(keys_.challenge({}));
        for (const auto& key : pending)
            if (readings.wanted.contains(key) || readings.wanted.contains(every_challenge))
                complete = co_await read_challenge(where, key) && complete;
        complete = complete && is_heard();
    } catch (const boost::system::system_error& e) {
        if (e.code() == asio::error::operation_aborted)
            throw;
        complete = false;
    } catch (const std::exception&) {
        complete = false;
    }
    readings.complete = complete;
    readings.ended = readings.begun;
    challenge_news_.cancel();
    co_await options_.clock->async_wait(between_readings);
}

// False where more than that was heard of it meanwhile.
asio::awaitable<bool> manager::core::read_challenge(std::shared_ptr<store> where, std::string key)
{
    auto& readings = challenge_readings_;
    readings.heard.clear();
    const auto value = co_await load_undamaged(where, key);
    if (readings.heard.contains(key))
        co_return false;
    if (value)
        take_saved(key, *value);
    co_return true;
}

// What is loaded at the same time may be older.
void manager::core::note_challenge(const std::string& key)
{
    if (challenge_readings_.is_active && key.starts_with(keys_.challenge({})))
        challenge_readings_.heard.insert(key);
}

asio::awaitable<void> manager::core::hear_of_challenge(std::function<bool()> is_there)
{
    while (!is_there())
        co_await challenge_news_.async_wait(asio::as_tuple(asio::use_awaitable));
}

} // namespace acme
