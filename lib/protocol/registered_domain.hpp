#pragma once

#include <string>
#include <string_view>

namespace acme {

/// The domain that a CA's limits and this library's budgets count a host under: the last two labels, or three where
/// the last two look like a country's registry ("co.uk", "com.au", "or.jp"). A guess without the public suffix list,
/// which changes weekly; where it is wrong, hosts of different owners share a budget.
std::string registered_domain(std::string_view host);

} // namespace acme
