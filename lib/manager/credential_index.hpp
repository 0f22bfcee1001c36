#pragma once

#include "manager/certificate_index.hpp"
#include "manager/http_challenge_index.hpp"

#include <acme/manager.hpp>

#include <atomic>

namespace acme {

/// The indices that TLS hooks and HTTP servers read; outlives the manager while one of them holds it.
class credential_index final : public credentials
{
public:
    explicit credential_index(std::shared_ptr<const clock> time = system_clock(), std::string default_host = {})
        : http_challenges(std::move(time))
        , default_host_(std::move(default_host))
    {}

    certificate_ptr find(std::string_view server_name) const noexcept override;
    certificate_ptr find_default() const noexcept override;
    certificate_ptr find_challenge(std::string_view server_name) const noexcept override;
    http_challenge_ptr find_http_challenge(std::string_view token) const noexcept override;
    bool is_pending(std::string_view server_name) const noexcept override;
    bool learns_challenges() const noexcept override { return is_shared; }

    certificate_index certificates;
    /// The application's own; they come first.
    certificate_index own;
    /// Keyed by the SNI name a validator sends: the host, or an address's reverse name (RFC 8738 section 6).
    certificate_index challenges;
    /// The answers to the manager's own self-checks; a pending challenge's comes first.
    certificate_index provisional;
    http_challenge_index http_challenges;
    /// Other managers are on the same store.
    std::atomic<bool> is_shared = false;

private:
    const std::string default_host_;
};

} // namespace acme
