#include "simulated_ca.hpp"

#include <boost/system/errc.hpp>

#include <algorithm>
#include <numeric>

namespace acme::bench {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// Let's Encrypt's published limits: burst and refill.
const rate orders_an_account(300, seconds(36));
const rate certificates_a_domain(50, minutes(202));
const rate certificates_a_set(5, hours(34));

// How long a certificate counts as a reason to exempt its successor from the limits of account and domain.
constexpr auto renewal_memory = hours(24 * 120);

constexpr seconds poll_again = hours(24);

refusal limited(std::string detail, token_bucket& bucket, time_point now)
{
    refusal r;
    r.code = make_error_code(errc::rate_limited);
    r.problem.emplace();
    r.problem->type = "urn:ietf:params:acme:error:rateLimited";
    r.problem->detail = std::move(detail);
    r.problem->status = 429;
    r.problem->retry_after = now + std::max<std::chrono::milliseconds>(bucket.wait(now), seconds(1));
    return r;
}

} // namespace

simulated_ca::simulated_ca(const weather& w, const layout& l)
    : weather_(w)
    , layout_(l)
    , accounts_(l.accounts(), token_bucket(orders_an_account))
    , domains_(l.domains(), token_bucket(certificates_a_domain))
    , sets_(l.hosts)
{}

bool simulated_ca::is_to_be_replaced(std::size_t host, const validity& v, time_point now) const noexcept
{
    return host % 3 != 0 && v.not_before < weather_.mass_revocation && now >= weather_.mass_revocation;
}

// As Boulder computes it: two per cent of the lifetime around its two thirds, or its half where that is short; for a
// certificate that is to be revoked an hour that has passed.
suggested_window simulated_ca::window_of(std::size_t host, const validity& v, time_point now) const noexcept
{
    if (is_to_be_replaced(host, v, now))
        return {weather_.mass_revocation - hours(1), weather_.mass_revocation - minutes(30)};
    const auto lifetime = v.not_after - v.not_before;
    const auto ideal = v.not_after - (lifetime < hours(240) ? lifetime / 2 : lifetime / 3);
    return {ideal - lifetime / 100, ideal + lifetime / 100};
}

// Some find the door closed, the others a server in trouble behind it.
std::optional<refusal> simulated_ca::outage(std::size_t host) const
{
    refusal r;
    if (host % 5 < 2) {
        r.code = boost::system::errc::make_error_code(boost::system::errc::connection_refused);
        return r;
    }
    r.code = make_error_code(errc::unknown_problem);
    r.problem.emplace();
    r.problem->status = 503;
    return r;
}

std::optional<refusal> simulated_ca::ask(
    std::size_t host, const validity& v, time_point now, renewal_info& answer) const
{
    if (is_out(now))
        return outage(host);
    const auto window = window_of(host, v, now);
    answer.start = window.start;
    answer.end = window.end;
    answer.retry_after = poll_again;
    return std::nullopt;
}

std::optional<refusal> simulated_ca::exceeded(
    std::size_t host, const validity* replaced, bool names_replaced, time_point now)
{
    if (replaced && names_replaced) {
        const auto window = window_of(host, *replaced, now);
        if (now >= window.start && now < window.end)
            return std::nullopt;
    }
    token_bucket of_set(certificates_a_set, sets_[host]);
    const bool set_has_room = of_set.try_take(now);
    if (!set_has_room)
        return limited("too many certificates (5) already issued for this exact set of identifiers", of_set, now);
    const bool renews = replaced && now - replaced->not_before < renewal_memory;
    if (!renews) {
        auto& of_account = accounts_[layout_.account_of(host)];
        auto& of_domain = domains_[layout_.domain_of(host)];
        if (!of_account.try_take(now))
            return limited("too many new orders (300) from this account in the last 3h0m0s", of_account, now);
        if (!of_domain.try_take(now)) {
            of_account.put_back();
            return limited("too many certificates (50) already issued for this domain", of_domain, now);
        }
    }
    sets_[host] = of_set.save();
    return std::nullopt;
}

std::optional<refusal> simulated_ca::order(
    std::size_t host, const validity* replaced, bool names_replaced, time_point now)
{
    if (is_out(now)) {
        ++unanswered_;
        return outage(host);
    }
    count(now);
    auto refused = exceeded(host, replaced, names_replaced, now);
    ++(refused ? rejected_ : issued_);
    return refused;
}

void simulated_ca::count(time_point now)
{
    const auto minute = static_cast<std::size_t>((now - weather_.start) / minutes(1));
    if (minute >= minutes_.size())
        minutes_.resize(minute + 1);
    ++minutes_[minute];
}

std::uint64_t simulated_ca::most_orders_in_a_minute() const noexcept
{
    return minutes_.empty() ? 0 : *std::max_element(minutes_.begin(), minutes_.end());
}

double simulated_ca::orders_a_minute() const noexcept
{
    const auto all = std::accumulate(minutes_.begin(), minutes_.end(), std::uint64_t(0));
    return minutes_.empty() ? 0 : static_cast<double>(all) / static_cast<double>(minutes_.size());
}

} // namespace acme::bench
