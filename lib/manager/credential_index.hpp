#pragma once

#include "manager/certificate_index.hpp"

#include <acme/manager.hpp>

namespace acme {

/// The two indices that a TLS hook reads; outlives the manager while a hook holds it.
class credential_index final : public credentials
{
public:
    certificate_ptr find(std::string_view server_name) const noexcept override;
    certificate_ptr find_challenge(std::string_view server_name) const noexcept override;

    certificate_index certificates;
    /// Keyed by the SNI name a validator sends: the host, or an address's reverse name (RFC 8738 section 6).
    certificate_index challenges;
};

} // namespace acme
