#include "protocol/printable.hpp"

#include <acme/event.hpp>

#include <cstdio>

namespace acme {
namespace {

// ISO 8601 in UTC. (std::format and the chrono formatters are not in g++ 12's library.)
std::string utc(std::chrono::system_clock::time_point t)
{
    auto day = std::chrono::floor<std::chrono::days>(t);
    std::chrono::year_month_day date(day);
    std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(t - day));
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
        static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()));
    return text;
}

struct describer
{
    std::string operator()(const account_registered& e) const
    {
        return (e.created ? "account created: " : "account found: ") + e.url;
    }

    std::string operator()(const certificate_obtained& e) const
    {
        return (e.refresh ? "certificate refreshed for " : "certificate obtained for ") + e.host + " in " +
            std::to_string(e.took.count()) + " ms, valid until " + utc(e.certificate->not_after()) + ", issued by " +
            e.certificate->issuer() + ", next refresh " + utc(e.next_refresh);
    }

    std::string operator()(const issuance_failed& e) const
    {
        return std::string(e.refresh ? "certificate refresh" : "certificate") + " failed for " + e.host + ": " +
            e.error.what();
    }

    std::string operator()(const validation_answered& e) const { return "validation answered for " + e.host; }

    std::string operator()(const save_failed& e) const
    {
        return "saving " + e.key + " failed, serving goes on: " + e.error.what();
    }

    std::string operator()(const state_refused& e) const
    {
        return "saved " + e.key + " is unusable and left as it is: " + e.error.what();
    }
};

} // namespace

std::string describe(const event& e)
{
    return printable(std::visit(describer(), e), 4096);
}

} // namespace acme
