#include "protocol/rate_limit_scope.hpp"

#include "protocol/host_name.hpp"

namespace acme {
namespace {

bool says(const problem& p, std::string_view words)
{
    return p.detail.find(words) != std::string::npos;
}

// The text between the first two quotation marks.
std::string_view quoted(std::string_view text) noexcept
{
    const auto begin = text.find('"');
    const auto end = begin == std::string_view::npos ? begin : text.find('"', begin + 1);
    return end == std::string_view::npos ? std::string_view() : text.substr(begin + 1, end - begin - 1);
}

bool belongs_to(std::string_view host, std::string_view domain) noexcept
{
    return host == domain ||
        (host.size() > domain.size() && host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.');
}

} // namespace

rate_limit_scope scope_of(const problem& p, std::string_view host)
{
    rate_limit_scope scope;
    if (says(p, "from this account") || says(p, "from this IP")) {
        scope.what = rate_limit_scope::kind::account;
        return scope;
    }
    const auto domain = normalize_host_name(quoted(p.detail));
    if (says(p, "already issued for") && domain && belongs_to(host, *domain)) {
        scope.what = rate_limit_scope::kind::registered_domain;
        scope.domain = *domain;
    }
    return scope;
}

} // namespace acme
