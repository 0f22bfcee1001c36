#pragma once

#include <acme/resource.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace acme {

/// What to do next with an order.
struct order_step
{
    enum class kind
    {
        /// Get the pending authorizations `to_authorize` validated.
        authorize,
        /// Send the CSR.
        finalize,
        /// Wait (`poll_delay`), fetch the order again, and ask `next` again.
        poll,
        /// Fetch `order::certificate`.
        download,
        /// This order leads nowhere: `code`, `why`, and `problem` where the CA gave one.
        failed
    };

    kind what = kind::poll;
    /// Indices into the authorizations given.
    std::vector<std::size_t> to_authorize;
    errc code = errc::order_invalid;
    std::string why;
    std::optional<acme::problem> problem;

    order_step() = default;
    explicit order_step(kind k)
        : what(k)
    {}
};

/// What became of the finalize request.
enum class finalize_outcome
{
    not_sent,
    /// The CA answered orderNotReady.
    not_ready,
    accepted
};

/// What to do now, from what the CA says (RFC 8555 section 7.1.6). `authorizations` are those of a pending order, as
/// last fetched; none are needed for an order in another state. A pending order whose authorizations are all valid is
/// finalized without fetching it once more, unless the CA found it not ready before; an order that was finalized is
/// polled, whatever older state a CA may still show.
order_step next(const order& o, std::span<const authorization> authorizations,
    finalize_outcome finalized = finalize_outcome::not_sent);

/// Type and value in lower case, as certificates and this library have names.
identifier folded(const identifier& id);

/// Whether both name the same identifiers, in any order and case. A CA may sort them, and change their case.
bool same_identifiers(std::span<const identifier> a, std::span<const identifier> b);

/// The wait before the next poll; `attempt` counts polls from 0. A Retry-After of 1 to 60 s is obeyed, a longer one cut
/// to 60 s. Without one (or with 0) 15 ms, growing by 1.6 to 10 s.
std::chrono::milliseconds poll_delay(unsigned attempt, std::optional<std::chrono::seconds> retry_after) noexcept;

/// The challenge to answer, or null: with a token, of one of `types`, the earlier the better, and pending. A challenge
/// that is processing comes before all: it was responded to already, so it is to be provisioned and waited for, not
/// responded to again. A pointer into `a`.
const challenge* choose_challenge(const authorization& a, std::span<const std::string_view> types) noexcept;

} // namespace acme
