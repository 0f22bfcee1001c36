#pragma once

#include <acme/error.hpp>

#include <string>
#include <string_view>

namespace acme {

/// Whom a CA's rate limit holds back: the whole account, all names of a registered domain, or only the host that was
/// asked for. RFC 8555 has no field for it, so this reads the sentences of Boulder, Let's Encrypt's server; what it
/// does not recognise holds back the host only.
struct rate_limit_scope
{
    enum class kind
    {
        host,
        registered_domain,
        account
    };

    kind what = kind::host;
    /// Of `registered_domain`, in lower case.
    std::string domain;
};

/// The scope of a "rateLimited" problem that an order for `host` met. Only a domain that `host` belongs to is believed.
rate_limit_scope scope_of(const problem& p, std::string_view host);

} // namespace acme
