#include "protocol/http_date.hpp"

#include "check.hpp"

using namespace acme;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto input = fuzz::text(data, size);
    const std::chrono::system_clock::time_point now{std::chrono::hours(24 * 20'000)};
    (void)parse_http_date(input, now);
    if (const auto wait = parse_retry_after(input, now))
        fuzz::check(wait->count() >= 0 && *wait <= max_retry_after);
    return 0;
}
