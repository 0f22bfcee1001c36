#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace acme {

/// The targets of the Link header fields (RFC 8288) with relation type `rel`, resolved against `base_url`: at most 10
/// different, acceptable URLs, in the fields' order. Links that are malformed, or speak of another context ("anchor"),
/// are passed over.
std::vector<std::string> links(
    std::span<const std::string> link_headers, std::string_view rel, std::string_view base_url);

} // namespace acme
