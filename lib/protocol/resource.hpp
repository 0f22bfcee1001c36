#pragma once

#include "protocol/parsed.hpp"

#include <acme/resource.hpp>

#include <string_view>

namespace acme {

// The JSON of RFC 8555 section 7.1. Refused: anything but one JSON object of at most 1 MiB, duplicate members, members
// missing or of a wrong type, an unknown status, a URL to send requests to that is not acceptable_url(), more than 200
// identifiers or authorizations or 64 challenges. Unknown members are passed over, optional ones may be absent or null.
//
// `url`, `retry_after` and `created` are the caller's to fill from the header.

parsed<directory> parse_directory(std::string_view json);
parsed<account> parse_account(std::string_view json);
parsed<order> parse_order(std::string_view json);
/// A challenge of an unknown type never spoils its authorization: it is kept where it is well-formed, else left out.
parsed<authorization> parse_authorization(std::string_view json);
parsed<challenge> parse_challenge(std::string_view json);
/// RFC 9773 section 4.2. A window that ends before it begins is refused.
parsed<renewal_info> parse_renewal_info(std::string_view json);

} // namespace acme
