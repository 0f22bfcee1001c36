#include "testing/answers.hpp"

#include <boost/json/serialize.hpp>

#include <array>
#include <cstdio>
#include <ctime>

namespace acme::testing {

namespace json = boost::json;

https_response empty_answer(unsigned status)
{
    https_response answer;
    answer.status = status;
    return answer;
}

https_response json_answer(unsigned status, const json::object& body)
{
    https_response answer = empty_answer(status);
    answer.fields.emplace_back("content-type", "application/json");
    answer.body = json::serialize(body);
    return answer;
}

json::object problem_document(unsigned status, std::string_view type, std::string_view detail)
{
    json::object body;
    const bool absolute = type.find(':') != std::string_view::npos;
    body["type"] = absolute ? std::string(type) : "urn:ietf:params:acme:error:" + std::string(type);
    body["detail"] = json::string_view(detail.data(), detail.size());
    body["status"] = status;
    return body;
}

https_response problem_answer(unsigned status, std::string_view type, std::string_view detail)
{
    https_response answer = json_answer(status, problem_document(status, type, detail));
    answer.fields.front().second = "application/problem+json";
    return answer;
}

std::string http_date(std::chrono::system_clock::time_point t)
{
    static constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array<const char*, 12> months{
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::time_t seconds = std::chrono::system_clock::to_time_t(t);
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
        days.at(static_cast<std::size_t>(utc.tm_wday)), utc.tm_mday, months.at(static_cast<std::size_t>(utc.tm_mon)),
        utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
    return text.data();
}

} // namespace acme::testing
