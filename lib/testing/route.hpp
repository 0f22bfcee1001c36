#pragma once

#include <acme/testing/fault.hpp>

#include <string>
#include <string_view>

namespace acme::testing {

/// What a URL of the CA is for. Resources are "/account/7", "/order/9/finalize" and the like; the directory's URLs
/// begin with "/m2" once the directory has moved twice.
struct route
{
    testing::step step = testing::step::other;
    unsigned generation = 0;
    /// The URL of the resource itself: of the order for ".../finalize".
    std::string resource;
    /// What follows: a challenge's type, the number of an alternate chain, a certID.
    std::string detail;

    route() = default;
};

route find_route(std::string_view origin, std::string_view url);

} // namespace acme::testing
