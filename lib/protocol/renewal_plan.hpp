#pragma once

#include <acme/error.hpp>
#include <acme/resource.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace acme {

/// What a CA named as the time to replace a certificate (RFC 9773 section 4.2).
struct suggested_window
{
    time_point start{};
    time_point end{};

    suggested_window() = default;
    suggested_window(time_point start_, time_point end_) noexcept
        : start(start_)
        , end(end_)
    {}

    friend bool operator==(const suggested_window&, const suggested_window&) = default;
};

/// A certificate's span of validity.
struct validity
{
    time_point not_before{};
    time_point not_after{};

    validity(time_point not_before_, time_point not_after_) noexcept
        : not_before(not_before_)
        , not_after(not_after_)
    {}
};

/// When a certificate is to be refreshed, and when its CA is to be asked about that; plain values, saved with the
/// certificate, so that a restart goes on where the last process stopped.
struct renewal_plan
{
    /// The moment chosen: within `window` where there is one, else by lifetime.
    time_point refresh_at{};
    std::optional<suggested_window> window;
    /// When the CA is asked for its window; never where there is nothing to ask by.
    time_point poll_at = time_point::max();
    /// The last time it was asked, and how often that has failed since the last answer.
    time_point polled_at{};
    unsigned poll_failures = 0;
    /// Refreshes that failed in a row, when the last one did, and when the next attempt may be.
    unsigned failures = 0;
    time_point failed_at{};
    time_point retry_at{};
    /// How many certificates in a row were replaced long before their time. Each one in the row has to live longer
    /// than the last, so that a CA whose windows always lie in the past is not asked for certificates without end.
    unsigned hurried = 0;

    friend bool operator==(const renewal_plan&, const renewal_plan&) = default;
};

/// What a refresh replaces.
struct replaced_certificate
{
    validity span;
    unsigned hurried = 0;

    replaced_certificate(validity span_, unsigned hurried_) noexcept
        : span(span_)
        , hurried(hurried_)
    {}
};

/// The plan of a certificate that was obtained at `now`: by lifetime, and the CA is asked at once where `pollable`.
renewal_plan plan_renewal(const validity& v, bool pollable, const std::optional<replaced_certificate>& earlier,
    time_point now, std::uint64_t random) noexcept;

/// For a certificate that an earlier process obtained: the CA is asked some time within the next 6 hours, not
/// within the first ten minutes, so that a restart is no storm and needs no CA.
void resume_polls(renewal_plan& plan, time_point now, std::uint64_t random) noexcept;

/// Takes the CA's answer: a moment at random within the window, chosen once for each window. Never after five sixths of
/// the lifetime, whatever the CA says, so that there is time left for failures. True where the window is a new one.
bool take_window(renewal_plan& plan, const validity& v, const renewal_info& info, time_point now, std::uint64_t random);

/// The CA has no opinion: by lifetime, and asked again in a day.
void take_silence(renewal_plan& plan, const validity& v, time_point now, std::uint64_t random) noexcept;

/// Asking failed; what was chosen stays. Trouble that passes is asked about again after a minute, doubling to 6 h; any
/// other after 6 h.
void poll_failed(renewal_plan& plan, const boost::system::error_code& ec, const std::optional<problem>& p,
    time_point now, std::uint64_t random) noexcept;

/// The refresh failed. What `disposition` says is obeyed as far as the CA asked for it. A pause of our own is cut to a
/// third of the validity that is left, but not below an hour or a sixth of the lifetime, so that there are attempts up
/// to the end, and past it. Sets `retry_at`.
void refresh_failed(renewal_plan& plan, const validity& v, const boost::system::error_code& ec,
    const std::optional<problem>& p, time_point now, std::uint64_t random);

/// The last moment for which a refresh is planned: five sixths of the lifetime.
time_point latest_refresh(const validity& v) noexcept;

/// Whether the clock was set back since a moment that is over.
bool was_set_back(time_point since, time_point now) noexcept;

/// When to refresh. A clock that was set back since the last failure makes an end of the pause.
time_point refresh_due(const renewal_plan& plan, time_point now) noexcept;
/// Whose refresh comes first: that of a certificate which the CA says is to be replaced by now (as before it revokes
/// it), then that of the one that ends first.
time_point urgency(const renewal_plan& plan, const validity& v, time_point now) noexcept;
/// When to do anything.
time_point next_step(const renewal_plan& plan, time_point now) noexcept;

} // namespace acme
