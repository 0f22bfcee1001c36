#include "client/deadline.hpp"
#include "crypto/base64.hpp"
#include "crypto/challenge_certificate.hpp"
#include "manager/core.hpp"
#include "protocol/printable.hpp"
#include "transport/probe.hpp"
#include "transport/resolve.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <cstring>

namespace acme {
namespace {

using addresses = std::vector<asio::ip::address>;

constexpr const char* step = "self-check";

asio::awaitable<addresses> resolve_by_system(std::string host, std::chrono::steady_clock::time_point until)
{
    addresses found;
    const auto where = parse_target("https://" + host + "/");
    if (!where)
        throw error(make_error_code(errc::invalid_host_name), step);
    const auto endpoints = co_await async_resolve(*where, until);
    for (const auto& each : endpoints)
        found.push_back(each.address());
    co_return found;
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
            index_.challenges.erase(host_, answer_);
    }

    /// The leaf, which is made at the first call: it costs more than to find out that nobody is there.
    std::string leaf(const random_source& random, std::chrono::system_clock::time_point now)
    {
        if (!answer_)
            answer_ = make_challenge_certificate(host_, unguessable(random), now);
        if (!answer_)
            throw error(make_error_code(errc::invalid_host_name), step);
        index_.challenges.insert(host_, answer_);
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

asio::awaitable<addresses> manager::core::addresses_of(std::string host)
{
    const auto& check = options_.self_check;
    std::string why;
    addresses found;
    try {
        if (check.resolver) {
            auto limit = std::chrono::ceil<std::chrono::seconds>(check.timeout);
            auto resolved = co_await async_within(*options_.clock, limit, check.resolver(host));
            if (!resolved)
                throw error(make_error_code(errc::timed_out), step, "looking the name up takes too long");
            found = std::move(*resolved);
        } else {
            found = co_await resolve_by_system(host, std::chrono::steady_clock::now() + check.timeout);
        }
    } catch (const boost::system::system_error& e) {
        if (e.code() == asio::error::operation_aborted)
            throw;
        why = e.what();
    } catch (const std::exception& e) {
        why = e.what();
    }
    if (found.empty())
        throw error(make_error_code(errc::self_check_failed), step, why.empty() ? "it has no address" : why);
    if (found.size() > check.max_addresses)
        found.resize(std::max<std::size_t>(check.max_addresses, 1));
    co_return found;
}

// From the outside in, as the CA's validation would come.
asio::awaitable<void> manager::core::self_check(std::shared_ptr<issuance> running)
{
    auto host = running->host;
    auto place = co_await self_check_places_.async_acquire();
    const auto where = co_await addresses_of(host);
    provisional_challenge held(*index_, host);
    const std::function<std::string()> leaf = [&] { return held.leaf(options_.random, now()); };
    checked_.insert(host);
    const auto& check = options_.self_check;
    std::string why;
    for (const auto& address : where) {
        const asio::ip::tcp::endpoint endpoint(address, check.tls_port);
        const auto until = std::chrono::steady_clock::now() + check.timeout;
        auto found = co_await async_probe_tls_alpn(endpoint, host, leaf, until);
        if (!found)
            co_return;
        why += (why.empty() ? "" : "; ") + address.to_string() + ": " + *found;
    }
    const bool http_served = http_side_.use_count() > 1;
    const provisional_http_challenge http_held(*index_, host, options_.random);
    for (auto address = where.begin(); http_served && address != where.end(); ++address) {
        const asio::ip::tcp::endpoint endpoint(*address, check.http_port);
        const auto until = std::chrono::steady_clock::now() + check.timeout;
        auto found = co_await async_probe_http(endpoint, host, http_held.token(), http_held.answer(), until);
        if (!found)
            co_return;
        why += "; " + address->to_string() + " over HTTP: " + *found;
    }
    throw error(make_error_code(errc::self_check_failed), step, printable(why, 500));
}

// The answer to its own check is no validation by a CA.
bool manager::core::was_self_check(const std::string& host)
{
    return checked_.erase(host) > 0;
}

} // namespace acme
