#pragma once

#include <acme/transport.hpp>

#include <boost/json/object.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace acme::testing {

https_response empty_answer(unsigned status);
https_response json_answer(unsigned status, const boost::json::object& body);

/// RFC 8555's types come without their prefix.
boost::json::object problem_document(unsigned status, std::string_view type, std::string_view detail);
https_response problem_answer(unsigned status, std::string_view type, std::string_view detail);

/// An HTTP date (RFC 9110 section 5.6.7).
std::string http_date(std::chrono::system_clock::time_point t);

/// A request that is answered with a problem document.
struct refusal
{
    https_response answer;

    refusal(unsigned status, std::string_view type, std::string_view detail)
        : answer(problem_answer(status, type, detail))
    {}
};

} // namespace acme::testing
