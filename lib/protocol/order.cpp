#include "protocol/order.hpp"

#include <algorithm>

namespace acme {
namespace {

using kind = order_step::kind;

order_step failed(errc code, std::string why, std::optional<problem> p = {})
{
    order_step step(kind::failed);
    step.code = code;
    step.why = std::move(why);
    step.problem = std::move(p);
    return step;
}

std::string lower(std::string s)
{
    std::transform(s.begin(), s.end(), s.begin(),
        [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
    return s;
}

/// The identifier as the order names it: an authorization for a wildcard leaves the "*." out (RFC 8555 section 7.1.4).
identifier ordered_identifier(const authorization& a)
{
    return a.wildcard ? identifier(a.identifier.type, "*." + a.identifier.value) : a.identifier;
}

std::vector<identifier> sorted(std::span<const identifier> ids)
{
    std::vector<identifier> out;
    for (const identifier& id : ids)
        out.push_back(folded(id));
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

const problem* challenge_error(const authorization& a) noexcept
{
    for (const challenge& c : a.challenges)
        if (c.status == challenge_status::invalid && c.error)
            return &*c.error;
    for (const challenge& c : a.challenges)
        if (c.error)
            return &*c.error;
    return nullptr;
}

/// The first authorization that can't become valid any more, as a failure.
std::optional<order_step> dead_authorization(const order& o, std::span<const authorization> authorizations)
{
    for (const authorization& a : authorizations) {
        if (a.status == authorization_status::pending || a.status == authorization_status::valid)
            continue;
        const problem* p = challenge_error(a);
        auto why = "the authorization for " + ordered_identifier(a).value + " is " + std::string(to_string(a.status));
        return failed(errc::authorization_invalid, std::move(why), p ? std::optional(*p) : o.error);
    }
    return std::nullopt;
}

/// Nothing is proven to a CA that was not ordered: it could be used for somebody else's order.
std::optional<order_step> foreign_authorization(const order& o, std::span<const authorization> authorizations)
{
    const auto ordered = sorted(o.identifiers);
    for (const authorization& a : authorizations) {
        const identifier id = ordered_identifier(a);
        if (!std::binary_search(ordered.begin(), ordered.end(), folded(id)))
            return failed(errc::unexpected_answer,
                "the CA wants an authorization for " + id.value + ", which is not in the order");
    }
    return std::nullopt;
}

order_step next_of_pending(const order& o, std::span<const authorization> authorizations, finalize_outcome finalized)
{
    if (authorizations.size() != o.authorizations.size())
        return failed(errc::unexpected_answer,
            "the order has " + std::to_string(o.authorizations.size()) + " authorizations, but " +
                std::to_string(authorizations.size()) + " were fetched");
    if (auto foreign = foreign_authorization(o, authorizations))
        return *foreign;
    if (auto dead = dead_authorization(o, authorizations))
        return *dead;
    order_step step(kind::authorize);
    for (std::size_t i = 0; i < authorizations.size(); ++i)
        if (authorizations[i].status == authorization_status::pending)
            step.to_authorize.push_back(i);
    if (!step.to_authorize.empty())
        return step;
    // Without authorizations only the CA knows what a pending order waits for.
    if (authorizations.empty() || finalized == finalize_outcome::not_ready)
        return order_step(kind::poll);
    return order_step(kind::finalize);
}

order_step next_of_invalid(const order& o, std::span<const authorization> authorizations)
{
    if (auto dead = dead_authorization(o, authorizations))
        return *dead;
    return failed(errc::order_invalid, "the order is invalid", o.error);
}

order_step next_of_valid(const order& o)
{
    if (o.certificate.empty())
        return failed(errc::unexpected_answer, "the order is valid, but has no certificate URL");
    return order_step(kind::download);
}

} // namespace

identifier folded(const identifier& id)
{
    return identifier(lower(id.type), lower(id.value));
}

order_step next(const order& o, std::span<const authorization> authorizations, finalize_outcome finalized)
{
    const bool accepted = finalized == finalize_outcome::accepted;
    switch (o.status) {
    case order_status::pending:
        return accepted ? order_step(kind::poll) : next_of_pending(o, authorizations, finalized);
    case order_status::ready: return order_step(accepted ? kind::poll : kind::finalize);
    case order_status::processing: return order_step(kind::poll);
    case order_status::valid: return next_of_valid(o);
    case order_status::invalid: break;
    }
    return next_of_invalid(o, authorizations);
}

bool same_identifiers(std::span<const identifier> a, std::span<const identifier> b)
{
    return sorted(a) == sorted(b);
}

std::chrono::milliseconds poll_delay(unsigned attempt, std::optional<std::chrono::seconds> retry_after) noexcept
{
    using std::chrono::milliseconds;
    constexpr milliseconds first(15);
    constexpr milliseconds longest(10'000);
    constexpr std::chrono::seconds longest_asked(60);
    if (retry_after && retry_after->count() > 0)
        return std::min(*retry_after, longest_asked);
    milliseconds delay = first;
    for (unsigned i = 0; i < attempt && delay < longest; ++i)
        delay = delay * 8 / 5;
    return std::min(delay, longest);
}

const challenge* choose_challenge(const authorization& a, std::span<const std::string_view> types) noexcept
{
    for (const challenge_status wanted : {challenge_status::processing, challenge_status::pending})
        for (const std::string_view type : types)
            for (const challenge& c : a.challenges)
                if (c.type == type && c.status == wanted && !c.token.empty())
                    return &c;
    return nullptr;
}

} // namespace acme
