#include "protocol/http_date.hpp"

#include "protocol/digits.hpp"

#include <algorithm>
#include <array>

namespace acme {
namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 12> months = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> weekdays = {
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

/// Consumes a text piece by piece; after the first piece that does not fit nothing fits.
class scanner
{
public:
    explicit scanner(std::string_view in) noexcept
        : in_(in)
    {}

    void expect(std::string_view literal) noexcept
    {
        if (in_.starts_with(literal))
            in_.remove_prefix(literal.size());
        else
            ok_ = false;
    }

    int number(std::size_t width) noexcept
    {
        const auto value = digits(in_.substr(0, width));
        ok_ = ok_ && in_.size() >= width && value;
        in_.remove_prefix(std::min(width, in_.size()));
        return value.value_or(0);
    }

    /// asctime's day, which has a space for its first digit.
    int padded_number() noexcept
    {
        if (!in_.starts_with(' '))
            return number(2);
        in_.remove_prefix(1);
        return number(1);
    }

    int month() noexcept
    {
        const auto found = std::find(months.begin(), months.end(), in_.substr(0, 3));
        in_.remove_prefix(std::min<std::size_t>(3, in_.size()));
        ok_ = ok_ && found != months.end();
        return static_cast<int>(found - months.begin()) + 1;
    }

    void weekday(bool whole) noexcept
    {
        const auto fits = [&](std::string_view name) { return in_.starts_with(whole ? name : name.substr(0, 3)); };
        const auto found = std::find_if(weekdays.begin(), weekdays.end(), fits);
        ok_ = ok_ && found != weekdays.end();
        if (ok_)
            in_.remove_prefix(whole ? found->size() : 3);
    }

    bool finished() const noexcept { return ok_ && in_.empty(); }

private:
    std::string_view in_;
    bool ok_ = true;
};

struct fields
{
    int year, month, day, hour, minute, second;
};

void scan_time(scanner& in, fields& f) noexcept
{
    f.hour = in.number(2);
    in.expect(":");
    f.minute = in.number(2);
    in.expect(":");
    f.second = in.number(2);
}

/// "Sun, 06 Nov 1994 08:49:37 GMT", or with `obsolete` "Sunday, 06-Nov-94 08:49:37 GMT".
std::optional<fields> scan_fixdate(std::string_view text, bool obsolete) noexcept
{
    const std::string_view separator = obsolete ? "-" : " ";
    scanner in(text);
    fields f{};
    in.weekday(obsolete);
    in.expect(", ");
    f.day = in.number(2);
    in.expect(separator);
    f.month = in.month();
    in.expect(separator);
    f.year = in.number(obsolete ? 2 : 4);
    in.expect(" ");
    scan_time(in, f);
    in.expect(" GMT");
    return in.finished() ? std::optional(f) : std::nullopt;
}

/// "Sun Nov  6 08:49:37 1994".
std::optional<fields> scan_asctime(std::string_view text) noexcept
{
    scanner in(text);
    fields f{};
    in.weekday(false);
    in.expect(" ");
    f.month = in.month();
    in.expect(" ");
    f.day = in.padded_number();
    in.expect(" ");
    scan_time(in, f);
    in.expect(" ");
    f.year = in.number(4);
    return in.finished() ? std::optional(f) : std::nullopt;
}

/// RFC 9110 section 5.6.7: what seems to lie more than 50 years ahead was in the last century.
int full_year(int two_digits, system_clock::time_point now) noexcept
{
    const int this_year = static_cast<int>(year_month_day(floor<days>(now)).year());
    const int candidate = this_year - this_year % 100 + two_digits;
    return candidate > this_year + 50 ? candidate - 100 : candidate;
}

std::string_view trimmed(std::string_view s) noexcept
{
    while (!s.empty() && (s.front() == ' ' || s.front() == '\t'))
        s.remove_prefix(1);
    while (!s.empty() && (s.back() == ' ' || s.back() == '\t'))
        s.remove_suffix(1);
    return s;
}

std::optional<seconds> delta_seconds(std::string_view text) noexcept
{
    // 18 digits fit into 64 bits.
    if (text.size() > 18)
        return std::nullopt;
    std::int64_t value = 0;
    for (char c : text)
        value = value * 10 + (c - '0');
    return seconds(value);
}

} // namespace

std::optional<sys_seconds> parse_http_date(std::string_view text, system_clock::time_point now)
{
    if (text.size() > 64)
        return std::nullopt;
    auto f = scan_fixdate(text, false);
    if (!f)
        f = scan_asctime(text);
    if (!f && (f = scan_fixdate(text, true)))
        f->year = full_year(f->year, now);
    if (!f)
        return std::nullopt;
    return date_time(f->year, f->month, f->day, f->hour, f->minute, f->second);
}

std::optional<seconds> parse_retry_after(std::string_view value, system_clock::time_point now)
{
    const auto text = trimmed(value);
    if (text.empty())
        return std::nullopt;
    std::optional<seconds> wait;
    if (text.find_first_not_of("0123456789") == std::string_view::npos)
        wait = delta_seconds(text);
    else if (const auto at = parse_http_date(text, now))
        wait = *at - floor<seconds>(now);
    if (!wait)
        return std::nullopt;
    return std::clamp(*wait, seconds(0), max_retry_after);
}

} // namespace acme
