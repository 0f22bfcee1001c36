#pragma once

#include "protocol/limit.hpp"
#include "protocol/renewal_plan.hpp"

#include <acme/error.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace acme::bench {

/// What happens to a CA in the half year.
struct weather
{
    time_point start{};
    time_point outage_begin{};
    time_point outage_end{};
    /// Of the certificates issued before this moment two in three are to be replaced; the CA says so by its windows
    /// from then on, and revokes them five days later.
    time_point mass_revocation{};
};

/// Who has what from whom: `hosts_a_domain` neighbours share a registered domain, `hosts_an_account` an account.
struct layout
{
    std::size_t hosts = 0;
    std::size_t hosts_an_account = 1'000;
    std::size_t hosts_a_domain = 20;

    std::size_t account_of(std::size_t host) const noexcept { return host / hosts_an_account; }
    std::size_t domain_of(std::size_t host) const noexcept { return host / hosts_a_domain; }
    std::size_t accounts() const noexcept { return account_of(hosts - 1) + 1; }
    std::size_t domains() const noexcept { return domain_of(hosts - 1) + 1; }
};

struct refusal
{
    boost::system::error_code code;
    std::optional<acme::problem> problem;
};

/// Let's Encrypt's answers as plain values: no keys, no requests, no time but what is handed in.
class simulated_ca
{
public:
    simulated_ca(const weather& w, const layout& l);

    /// An order for a host that has, or has not, a certificate which it names as the one to be replaced. Nothing where
    /// the certificate is issued; it is valid from `now` on.
    std::optional<refusal> order(std::size_t host, const validity* replaced, bool names_replaced, time_point now);

    /// Brings what the CA knows of a host near, before it is asked.
    void prefetch(std::size_t host) const noexcept { __builtin_prefetch(&sets_[host], 1); }

    /// The window of a host's certificate, or why there is no answer.
    std::optional<refusal> ask(std::size_t host, const validity& v, time_point now, renewal_info& answer) const;

    bool is_out(time_point now) const noexcept { return now >= weather_.outage_begin && now < weather_.outage_end; }
    bool is_to_be_replaced(std::size_t host, const validity& v, time_point now) const noexcept;

    std::uint64_t issued() const noexcept { return issued_; }
    std::uint64_t rejected() const noexcept { return rejected_; }
    std::uint64_t unanswered() const noexcept { return unanswered_; }
    std::uint64_t most_orders_in_a_minute() const noexcept;
    double orders_a_minute() const noexcept;

private:
    suggested_window window_of(std::size_t host, const validity& v, time_point now) const noexcept;
    std::optional<refusal> outage(std::size_t host) const;
    std::optional<refusal> exceeded(std::size_t host, const validity* replaced, bool names_replaced, time_point now);
    void count(time_point now);

    weather weather_;
    layout layout_;
    std::vector<token_bucket> accounts_;
    std::vector<token_bucket> domains_;
    std::vector<token_bucket::saved> sets_;
    std::vector<std::uint32_t> minutes_;
    std::uint64_t issued_ = 0;
    std::uint64_t rejected_ = 0;
    std::uint64_t unanswered_ = 0;
};

} // namespace acme::bench
