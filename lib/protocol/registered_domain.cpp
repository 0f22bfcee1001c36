#include "protocol/registered_domain.hpp"

#include <algorithm>
#include <array>

namespace acme {
namespace {

constexpr std::array<std::string_view, 22> registry_labels = {"ac", "asn", "co", "com", "ed", "edu", "gen", "go", "gob",
    "gouv", "gov", "govt", "id", "ltd", "me", "mil", "ne", "net", "nom", "or", "org", "sch"};

// The text from the last `count` labels on; all of it where there are no more.
std::string_view last_labels(std::string_view host, int count) noexcept
{
    auto at = host.size();
    for (int n = 0; n < count; ++n) {
        if (at == 0)
            return host;
        at = host.rfind('.', at - 1);
        if (at == host.npos)
            return host;
    }
    return host.substr(at + 1);
}

bool is_registry(std::string_view two_labels) noexcept
{
    const auto dot = two_labels.find('.');
    if (dot == two_labels.npos || two_labels.size() - dot - 1 != 2)
        return false;
    const auto label = two_labels.substr(0, dot);
    return std::find(registry_labels.begin(), registry_labels.end(), label) != registry_labels.end();
}

} // namespace

std::string registered_domain(std::string_view host)
{
    const auto two = last_labels(host, 2);
    return std::string(is_registry(two) ? last_labels(host, 3) : two);
}

} // namespace acme
