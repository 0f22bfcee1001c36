#include "client/deadline.hpp"
#include "crypto/base64.hpp"
#include "crypto/challenge_certificate.hpp"
#include "manager/core.hpp"
#include "protocol/printable.hpp"
#include "transport/lookup.hpp"
#include "transport/probe.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <algorithm>
#include <array>
#include <cstring>

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

std::string unguessable(const random_source& random)
{
    std::array<std::uint64_t, 4> numbers{};
    for (auto& n : numbers)
        n = random();
    std::array<char, sizeof numbers> octets{};
    std::memcpy(octets.data(), numbers.data(), sizeof numbers);
    return base64url_encode({octets.data(), octets.size()});
}

/// A challenge that only the self-check asks for.
class provisional_challenge
{
public:
    provisional_challenge(credential_index& index, std::string host)
        : index_(index)
        , host_(std::move(host))
    {}
    provisional_challenge(const provisional_challenge&) = delete;
    provisional_challenge& operator=(const provisional_challenge&) = delete;
    ~provisional_challenge()
    {
        if (answer_)
            index_.provisional.erase(host_, answer_);
    }

    /// The leaf, which is made at the first call: it costs more than to find out that nobody is there.
    std::string leaf(const random_source& random, std::chrono::system_clock::time_point now)
    {
        if (!answer_)
            answer_ = make_challenge_certificate(host_, unguessable(random), now);
        if (!answer_)
            throw error(make_error_code(errc::invalid_host_name), step);
        index_.provisional.insert(host_, answer_);
        return std::string(answer_->leaf_der());
    }

private:
    credential_index& index_;
    std::string host_;
    certificate_ptr answer_;
};

/// The same of the other kind.
class provisional_http_challenge
{
public:
    provisional_http_challenge(credential_index& index, std::string host, const random_source& random)
        : index_(index)
        , token_(unguessable(random))
        , answer_(std::make_shared<const http_challenge>(std::move(host), token_ + "." + unguessable(random)))
    {
        index_.http_challenges.insert(token_, answer_);
    }
    provisional_http_challenge(const provisional_http_challenge&) = delete;
    provisional_http_challenge& operator=(const provisional_http_challenge&) = delete;
    ~provisional_http_challenge() { index_.http_challenges.retire(token_, answer_, std::chrono::seconds(0)); }

    const std::string& token() const noexcept { return token_; }
    const std::string& answer() const noexcept { return answer_->key_authorization; }

private:
    credential_index& index_;
    std::string token_;
    http_challenge_ptr answer_;
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
    const auto most = 2 * (client.empty() ? check.max_concurrent : check.max_concurrent_per_client);
    const bool free = std::cmp_less(all, 2 * check.max_concurrent) && std::cmp_less_equal(place.use_count(), most);
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
        running->unclear = e.code() == errc::timed_out;
    } catch (const std::exception& e) {
        why = e.what();
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
    provisional_challenge held(*index_, host);
    const provisional_http_challenge http_held(*index_, host, options_.random);
    const std::function<std::string()> leaf = [&] { return held.leaf(options_.random, now()); };
    const bool http_served = http_side_.use_count() > 1;
    std::vector<asio::awaitable<std::optional<std::string>>> probes;
    std::vector<std::string> names;
    for (const auto& address : where) {
        const asio::ip::tcp::endpoint endpoint(address, check.tls_port);
        names.push_back(address.to_string() + ": ");
        probes.push_back(async_probe_tls_alpn(endpoint, host, leaf, until));
    }
    for (auto address = where.begin(); http_served && address != where.end(); ++address) {
        const asio::ip::tcp::endpoint endpoint(*address, check.http_port);
        names.push_back(address->to_string() + " over HTTP: ");
        probes.push_back(async_probe_http(endpoint, host, http_held.token(), http_held.answer(), until));
    }
    const auto found = co_await async_first_success(std::move(probes));
    std::string why;
    for (std::size_t i = 0; i < found.size(); ++i)
        why += (i == 0 ? "" : "; ") + names[i] + found[i];
    if (!found.empty())
        throw error(make_error_code(errc::self_check_failed), step, printable(why, 500));
}

// Before an order has a challenge, only the manager itself asks for its answer.
bool manager::core::was_self_check(const std::string& host)
{
    const auto running = issuances_.find(host);
    return running != issuances_.end() && running->second->challenge.empty() && !group_.challenges.contains(host) &&
        !running->second->refresh;
}

} // namespace acme
