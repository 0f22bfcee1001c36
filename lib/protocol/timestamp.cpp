#include "protocol/timestamp.hpp"

#include "protocol/digits.hpp"

#include <algorithm>
#include <cstdio>

namespace acme {
namespace {

using namespace std::chrono;

/// "+02:00", "Z": what is to be subtracted. Reads to the end of the text.
std::optional<minutes> zone_offset(std::string_view text)
{
    if (text == "Z" || text == "z")
        return minutes(0);
    if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
        return std::nullopt;
    const auto h = digits(text.substr(1, 2));
    const auto m = digits(text.substr(4, 2));
    if (!h || !m || *h > 23 || *m > 59)
        return std::nullopt;
    const minutes offset(*h * 60 + *m);
    return text[0] == '-' ? -offset : offset;
}

/// ".125": takes the digits, of which the first three count.
std::optional<milliseconds> take_fraction(std::string_view& text)
{
    if (text.empty() || text[0] != '.')
        return milliseconds(0);
    text.remove_prefix(1);
    const auto length = std::min(text.find_first_not_of("0123456789"), text.size());
    if (length == 0 || length > 18)
        return std::nullopt;
    std::string first(text.substr(0, std::min<std::size_t>(length, 3)));
    first.resize(3, '0');
    text.remove_prefix(length);
    return milliseconds(digits(first).value_or(0));
}

} // namespace

system_clock::time_point saturated(sys_seconds t) noexcept
{
    constexpr sys_seconds first = sys_days(year(1700) / 1 / 1);
    constexpr sys_seconds last = sys_days(year(2261) / 12 / 31);
    return time_point_cast<system_clock::duration>(std::clamp(t, first, last));
}

std::optional<system_clock::time_point> parse_timestamp(std::string_view text)
{
    constexpr std::string_view shape = "0000-00-00T00:00:00";
    if (text.size() <= shape.size() || text.size() > 64 || text[4] != '-' || text[7] != '-' || text[13] != ':' ||
        text[16] != ':' || (text[10] != 'T' && text[10] != 't' && text[10] != ' '))
        return std::nullopt;
    const auto y = digits(text.substr(0, 4));
    const auto mon = digits(text.substr(5, 2));
    const auto d = digits(text.substr(8, 2));
    const auto h = digits(text.substr(11, 2));
    const auto min = digits(text.substr(14, 2));
    const auto s = digits(text.substr(17, 2));
    if (!y || !mon || !d || !h || !min || !s)
        return std::nullopt;
    const auto at = date_time(*y, *mon, *d, *h, *min, *s);
    text.remove_prefix(shape.size());
    const auto fraction = take_fraction(text);
    const auto offset = zone_offset(text);
    if (!at || !fraction || !offset)
        return std::nullopt;
    return saturated(*at - *offset) + *fraction;
}

std::string format_timestamp(system_clock::time_point t)
{
    const auto whole = floor<seconds>(t);
    const auto day = floor<days>(whole);
    const year_month_day date(day);
    const hh_mm_ss time(whole - day);
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", int(date.year()), unsigned(date.month()),
        unsigned(date.day()), int(time.hours().count()), int(time.minutes().count()), int(time.seconds().count()));
    return text;
}

} // namespace acme
