#pragma once

#include <acme/error.hpp>

#include <boost/json/fwd.hpp>

#include <string_view>

namespace acme {

/// What an HTTP answer outside 2xx says. Never fails: where the body is no problem document (RFC 7807), the problem has
/// an excerpt of it as its detail. `retry_after` is the caller's to fill from the header.
problem parse_problem(std::string_view body, std::string_view content_type, unsigned http_status);

/// A problem that is part of an object (an order's or a challenge's "error"). Members of wrong types are passed over.
problem problem_of(const boost::json::object& o);

} // namespace acme
