#include "client/deadline.hpp"
#include "manager/core.hpp"
#include "protocol/challenge_choice.hpp"
#include "protocol/host_name.hpp"
#include "protocol/printable.hpp"
#include "transport/global_address.hpp"
#include "transport/lookup.hpp"
#include "transport/probe.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <algorithm>

namespace acme {
namespace {

using addresses = std::vector<asio::ip::address>;

constexpr const char* step = "self-check";

/// A client's checks, which wait for one another; its line is forgotten with the last of them.
class client_line
{
public:
    client_line(std::map<std::string, slots>& all, std::string key, std::size_t most)
        : all_(all)
        , key_(std::move(key))
        , line_(all.try_emplace(key_, most).first->second)
    {}
    client_line(const client_line&) = delete;
    client_line& operator=(const client_line&) = delete;
    ~client_line()
    {
        turn_ = slots::lease();
        if (line_.unused())
            all_.erase(key_);
    }

    asio::awaitable<void> async_acquire() { turn_ = co_await line_.async_acquire(); }

private:
    std::map<std::string, slots>& all_;
    std::string key_;
    slots& line_;
    slots::lease turn_;
};

std::string client_of(const issuance& running)
{
    const auto& address = running.hello.client_address;
    return address ? client_key(*address) : std::string();
}

/// Answers that only self-checks ask for, while there is one.
class provisional_answers
{
public:
    provisional_answers(credential_index& index, const self_check_key& k, std::string host)
        : token(k.make_token())
        , key_authorization(k.answer(token).value())
        , index_(index)
        , host_(std::move(host))
        , over_http_(std::make_shared<const http_challenge>(host_, key_authorization))
    {
        index_.http_challenges.insert(token, over_http_);
    }
    provisional_answers(const provisional_answers&) = delete;
    provisional_answers& operator=(const provisional_answers&) = delete;
    ~provisional_answers()
    {
        if (over_tls_)
            index_.provisional.erase(host_, over_tls_);
        index_.http_challenges.retire(token, over_http_, std::chrono::seconds(0));
    }

    /// Not before somebody is there: it costs more than to find out that nobody is.
    void answer_over_tls(const self_check_key& k, std::chrono::system_clock::time_point now)
    {
        if (over_tls_)
            return;
        over_tls_ = k.make_leaf(host_, now);
        index_.provisional.insert(host_, over_tls_);
    }

    const std::string token;
    const std::string key_authorization;

private:
    credential_index& index_;
    const std::string host_;
    certificate_ptr over_tls_;
    const http_challenge_ptr over_http_;
};

} // namespace

// Empty where too many lookups are under way, which the system may let go on after their time.
std::shared_ptr<const void> manager::core::lookup_place(const std::string& client)
{
    const auto& check = options_.self_check;
    std::erase_if(lookups_, [](const auto& each) { return each.second.use_count() == 1; });
    long all = 0;
    for (const auto& each : lookups_)
        all += each.second.use_count() - 1;
    auto& place = lookups_[client];
    if (!place)
        place = std::make_shared<const int>();
    const auto most = 2 * std::max<std::size_t>(check.max_concurrent, 1);
    const auto most_of_client = client.empty() ? most : 2 * std::max<std::size_t>(check.max_concurrent_per_client, 1);
    const bool free = std::cmp_less(all, most) && std::cmp_less_equal(place.use_count(), most_of_client);
    return free ? place : nullptr;
}

asio::awaitable<addresses> manager::core::look_up(issuance& running, std::chrono::steady_clock::time_point until)
{
    const auto& check = options_.self_check;
    const auto host = running.host;
    if (check.resolver) {
        const auto limit = std::chrono::ceil<std::chrono::seconds>(check.timeout);
        auto found = co_await async_within(*options_.clock, limit, check.resolver(host));
        if (!found)
            throw error(make_error_code(errc::timed_out), step, "looking the name up takes too long");
        co_return std::move(*found);
    }
    auto place = lookup_place(client_of(running));
    if (!place)
        throw error(make_error_code(errc::timed_out), step, "too many names are being looked up");
    co_return co_await async_look_up(host, std::move(place), until);
}

asio::awaitable<addresses> manager::core::addresses_of(
    std::shared_ptr<issuance> running, std::chrono::steady_clock::time_point until)
{
    std::string why = "it has no address";
    addresses found;
    try {
        found = co_await look_up(*running, until);
    } catch (const boost::system::system_error& e) {
        if (e.code() == asio::error::operation_aborted)
            throw;
        why = e.what();
        running->unclear = e.code() == errc::timed_out || e.code() == asio::error::host_not_found_try_again;
    } catch (const std::exception& e) {
        why = e.what();
    }
    if (!options_.self_check.private_addresses) {
        const auto dropped = std::erase_if(found, [](const auto& each) { return !is_global(each); });
        if (dropped > 0)
            why = "no CA can reach its address";
    }
    if (found.empty())
        throw error(make_error_code(errc::self_check_failed), step, why);
    const auto most = std::max<std::size_t>(options_.self_check.max_addresses, 1);
    if (found.size() > most)
        found.resize(most);
    co_return found;
}

// In line; throws where nobody waits for the outcome any more.
asio::awaitable<void> manager::core::self_check(std::shared_ptr<issuance> running)
{
    const auto& check = options_.self_check;
    const auto client = client_of(*running);
    const auto most = client.empty() ? check.max_concurrent : check.max_concurrent_per_client;
    client_line line(client_checks_, client, most);
    co_await line.async_acquire();
    const auto place = co_await self_check_places_.async_acquire();
    if (running->waiters == 0) {
        running->unclear = true;
        throw error(make_error_code(errc::self_check_failed), step, "nobody waits for it any more");
    }
    const auto until = std::chrono::steady_clock::now() + check.timeout;
    const auto where = co_await addresses_of(running, until);
    co_await probe(running->host, where, until);
}

// From the outside in, as the CA's validation would come.
asio::awaitable<void> manager::core::probe(
    std::string host, std::vector<asio::ip::address> where, std::chrono::steady_clock::time_point until)
{
    const auto& check = options_.self_check;
    const auto expected = self_check_key_.get();
    provisional_answers held(*index_, self_check_key_, host);
    const std::function<void()> prepare = [&] { held.answer_over_tls(self_check_key_, now()); };
    const bool http_served = http_side_.use_count() > 1;
    std::vector<asio::awaitable<std::optional<std::string>>> probes;
    std::vector<std::string> names;
    for (const auto& address : where) {
        const asio::ip::tcp::endpoint endpoint(address, check.tls_port);
        names.push_back(address.to_string() + ": ");
        probes.push_back(async_probe_tls_alpn(endpoint, host, expected, prepare, until));
    }
    for (auto address = where.begin(); http_served && address != where.end(); ++address) {
        const asio::ip::tcp::endpoint endpoint(*address, check.http_port);
        names.push_back(address->to_string() + " over HTTP: ");
        probes.push_back(async_probe_http(endpoint, host, held.token, held.key_authorization, until));
    }
    const auto found = co_await async_first_success(std::move(probes));
    std::string why;
    for (std::size_t i = 0; i < found.size(); ++i)
        why += (i == 0 ? "" : "; ") + names[i] + found[i];
    if (!found.empty())
        throw error(make_error_code(errc::self_check_failed), step, printable(why, 500));
}

// Where no order's challenge is pending, only the managers of the group ask for an answer.
bool manager::core::was_self_check(const std::string& host, const std::string& type)
{
    if (host.empty() || (is_checking_for_group() && type == tls_alpn_01 && !index_->is_pending(host)))
        return true;
    const auto running = issuances_.find(host);
    return running != issuances_.end() && running->second->challenge.empty() && !group_.challenges.contains(host) &&
        !running->second->refresh;
}

bool manager::core::is_checking_for_group() const
{
    return group_.changes && options_.self_check.enabled && !is_listed();
}

void manager::core::share_self_check_key()
{
    shared_value value;
    value.name = "self-check-key";
    value.marshal = [this] { return self_check_key_.marshal(); };
    value.merge = [this](std::string_view theirs) { self_check_key_.merge(theirs); };
    share(std::move(value));
}

// Of a name for which no challenge has become known.
certificate_ptr manager::core::answer_self_check(const std::string& server_name) const
{
    const auto host = normalize_host_name(server_name);
    return host && is_checking_for_group() ? self_check_key_.make_leaf(*host, now()) : nullptr;
}

http_challenge_ptr manager::core::answer_http_self_check(const std::string& token) const
{
    auto answer = is_checking_for_group() ? self_check_key_.answer(token) : std::nullopt;
    return answer ? std::make_shared<const http_challenge>(std::string(), std::move(*answer)) : nullptr;
}

} // namespace acme
