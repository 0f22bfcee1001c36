#include "protocol/http_date.hpp"
#include "protocol/limit.hpp"

#include <boost/system/errc.hpp>

#include <algorithm>
#include <array>

namespace acme {
namespace {

using std::chrono::seconds;
using time_point = std::chrono::system_clock::time_point;

constexpr seconds one_day = std::chrono::hours(24);

/// The classes of failures that are treated alike.
enum class failure_kind
{
    permanent,
    immediate,
    /// At once the first time, since one repair is known; then a refusal like any other.
    repairable,
    refusal,
    outage,
    /// Worth one attempt a day.
    daily
};

failure_kind kind_of_status(unsigned status) noexcept
{
    const bool client_error = status >= 400 && status < 500 && status != 408 && status != 429;
    return client_error ? failure_kind::refusal : failure_kind::outage;
}

failure_kind kind_of(errc e, unsigned status) noexcept
{
    switch (e) {
    case errc::bad_csr:
    case errc::bad_public_key:
    case errc::bad_revocation_reason:
    case errc::bad_signature_algorithm:
    case errc::already_revoked:
    case errc::external_account_required:
    case errc::invalid_contact:
    case errc::invalid_profile:
    case errc::rejected_identifier:
    case errc::unsupported_contact:
    case errc::unsupported_identifier:
    case errc::user_action_required:
    case errc::no_usable_challenge:
    case errc::invalid_host_name:
    case errc::host_not_allowed:
    case errc::terms_refused:
    case errc::challenge_answered:
    case errc::no_server_name:
    case errc::no_certificate:
    case errc::second_store:
    case errc::damaged_state:
    case errc::foreign_state:
    case errc::shut_down: return failure_kind::permanent;

    case errc::lock_lost:
    case errc::store_unavailable:
    case errc::too_many_waiters: return failure_kind::immediate;

    case errc::account_does_not_exist:
    case errc::already_replaced:
    case errc::conflict:
    case errc::order_not_ready: return failure_kind::repairable;

    case errc::caa:
    case errc::compound:
    case errc::connection:
    case errc::dns:
    case errc::incorrect_response:
    case errc::malformed:
    case errc::tls:
    case errc::unauthorized:
    case errc::order_invalid:
    case errc::authorization_invalid:
    case errc::recently_failed:
    case errc::self_check_failed:
    case errc::too_many_new_hosts: return failure_kind::refusal;

    case errc::bad_nonce:
    case errc::server_internal:
    case errc::unexpected_answer:
    case errc::answer_too_large:
    case errc::timed_out: return failure_kind::outage;

    case errc::rate_limited:
    case errc::certificate_rejected: return failure_kind::daily;

    case errc::unknown_problem: break;
    }
    return kind_of_status(status);
}

/// An order is refused for good if that is so of any of its names.
failure_kind kind_of_compound(const problem& p) noexcept
{
    const bool permanent = std::any_of(p.subproblems.begin(), p.subproblems.end(),
        [](const subproblem& s) { return kind_of(errc_from_type(s.type), 400) == failure_kind::permanent; });
    return permanent ? failure_kind::permanent : failure_kind::refusal;
}

failure_kind kind_of(const boost::system::error_code& ec, const std::optional<problem>& p) noexcept
{
    if (ec.category() != acme_category())
        return ec == boost::system::errc::operation_canceled ? failure_kind::immediate : failure_kind::outage;
    const auto e = static_cast<errc>(ec.value());
    if (!p)
        return kind_of(e, 0);
    const errc said = p->code();
    // An invalid order or authorization is as bad as the problem that made it so.
    const bool is_summary = e == errc::order_invalid || e == errc::authorization_invalid;
    if ((is_summary && said == errc::compound) || e == errc::compound)
        return kind_of_compound(*p);
    if (!is_summary)
        return kind_of(e, p->status);
    const failure_kind k = kind_of(said, p->status);
    return k == failure_kind::permanent || k == failure_kind::daily ? k : failure_kind::refusal;
}

/// 1, 10, 100 minutes, then daily.
seconds refusal_delay(unsigned attempt) noexcept
{
    constexpr std::array<seconds, 3> first{
        std::chrono::minutes(1), std::chrono::minutes(10), std::chrono::minutes(100)};
    return attempt <= first.size() ? first[attempt - 1] : one_day;
}

/// 30 s, doubling to an hour.
seconds outage_delay(unsigned attempt) noexcept
{
    constexpr seconds shortest(30);
    constexpr seconds longest = std::chrono::hours(1);
    return std::min(shortest * (1U << std::min(attempt - 1, 10U)), longest);
}

seconds delay_of(failure_kind k, unsigned attempt) noexcept
{
    if (k == failure_kind::daily)
        return one_day;
    return k == failure_kind::outage ? outage_delay(attempt) : refusal_delay(attempt);
}

/// What the CA asks for, however long it speaks of.
std::optional<time_point> asked_for(const std::optional<problem>& p, time_point now) noexcept
{
    if (!p || !p->retry_after)
        return std::nullopt;
    return std::clamp(*p->retry_after, now, now + max_retry_after);
}

/// `t` put off by up to a fifth of the wait.
time_point jittered(time_point t, time_point now, std::uint64_t random) noexcept
{
    const double fraction = static_cast<double>(random >> 11) * 0x1p-53;
    const auto wait = std::chrono::duration<double>(t - now);
    return t + std::chrono::duration_cast<std::chrono::milliseconds>(wait * (fraction / 5));
}

} // namespace

retry_advice disposition(const boost::system::error_code& ec, const std::optional<problem>& p, unsigned attempt,
    time_point now, std::uint64_t random)
{
    if (!ec)
        return retry_advice::now();
    attempt = std::max(attempt, 1U);
    failure_kind k = kind_of(ec, p);
    if (k == failure_kind::repairable)
        k = attempt == 1 ? failure_kind::immediate : failure_kind::refusal;
    if (k == failure_kind::permanent)
        return retry_advice::never();
    const auto asked = asked_for(p, now);
    // The CA knows when its own limit ends.
    if (asked && ec == make_error_code(errc::rate_limited))
        return retry_advice::at(jittered(*asked, now, random));
    if (k == failure_kind::immediate)
        return asked ? retry_advice::at(jittered(*asked, now, random)) : retry_advice::now();
    return retry_advice::at(jittered(std::max(now + delay_of(k, attempt), asked.value_or(now)), now, random));
}

time_point earliest_attempt(const retry_advice& advice, time_point now) noexcept
{
    switch (advice.when) {
    case retry_advice::kind::never: return now + one_day;
    case retry_advice::kind::at: return advice.not_before;
    case retry_advice::kind::now: break;
    }
    return now + seconds(10);
}

} // namespace acme
