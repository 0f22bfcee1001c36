#include "crypto/asn1_time.hpp"

#include "crypto/boringssl.hpp"

#include <algorithm>

namespace acme {
namespace {

using namespace std::chrono;

// The whole years within int64_t nanoseconds since 1970.
constexpr year min_year{1678};
constexpr year max_year{2261};

bool all_digits(std::string_view s)
{
    return std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
}

int two_digits(std::string_view s)
{
    return (s[0] - '0') * 10 + (s[1] - '0');
}

std::optional<system_clock::time_point> to_time_point(year_month_day date, hours h, minutes m, seconds s)
{
    if (!date.ok() || h >= hours(24) || m >= minutes(60) || s >= seconds(60))
        return std::nullopt;
    if (date.year() < min_year)
        return sys_days(min_year / January / 1);
    if (date.year() > max_year)
        return sys_days(max_year / December / 31);
    return sys_days(date) + h + m + s;
}

std::string two(int n)
{
    return {static_cast<char>('0' + n / 10), static_cast<char>('0' + n % 10)};
}

} // namespace

std::optional<system_clock::time_point> read_asn1_time(CBS& in)
{
    CBS content;
    unsigned tag = 0;
    if (!CBS_get_any_asn1(&in, &content, &tag))
        return std::nullopt;
    auto text = view(content);
    auto year_digits = tag == CBS_ASN1_UTCTIME ? 2U : 4U;
    if ((tag != CBS_ASN1_UTCTIME && tag != CBS_ASN1_GENERALIZEDTIME) || text.size() != year_digits + 11 ||
        text.back() != 'Z' || !all_digits(text.substr(0, text.size() - 1)))
        return std::nullopt;
    auto y = two_digits(text);
    if (year_digits == 4)
        y = 100 * y + two_digits(text.substr(2));
    else
        y += y < 50 ? 2000 : 1900;
    text.remove_prefix(year_digits);
    auto m = static_cast<unsigned>(two_digits(text));
    auto d = static_cast<unsigned>(two_digits(text.substr(2)));
    return to_time_point(year(y) / static_cast<int>(m) / static_cast<int>(d), hours(two_digits(text.substr(4))),
        minutes(two_digits(text.substr(6))), seconds(two_digits(text.substr(8))));
}

void add_asn1_time(CBB& out, system_clock::time_point t)
{
    auto day = floor<days>(t);
    year_month_day date(day);
    hh_mm_ss time(floor<seconds>(t - day));
    auto y = static_cast<int>(date.year());
    auto is_utc_time = y >= 1950 && y < 2050;
    std::string text = is_utc_time ? "" : two(y / 100);
    text += two(y % 100) + two(static_cast<int>(static_cast<unsigned>(date.month()))) +
        two(static_cast<int>(static_cast<unsigned>(date.day()))) + two(static_cast<int>(time.hours().count())) +
        two(static_cast<int>(time.minutes().count())) + two(static_cast<int>(time.seconds().count())) + "Z";
    CBB content;
    must(CBB_add_asn1(&out, &content, is_utc_time ? CBS_ASN1_UTCTIME : CBS_ASN1_GENERALIZEDTIME));
    must(CBB_add_bytes(&content, octets(text), text.size()));
    must(CBB_flush(&out));
}

} // namespace acme
