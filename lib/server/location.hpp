#pragma once

#include <acme/http.hpp>

#include <optional>
#include <string>

namespace acme {

/// Which resource a request is for (RFC 9112 section 3.3).
struct location
{
    /// As `host_of_authority` has it.
    std::string host;
    /// Path and query as they came.
    std::string target;
};

/// Empty where the request does not say it, or says it in a way that others could read otherwise.
std::optional<location> requested_location(const boost::beast::http::request_header<>& request);

} // namespace acme
