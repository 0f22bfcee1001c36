#include "protocol/timestamp.hpp"

#include "check.hpp"

using namespace acme;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto input = fuzz::text(data, size);
    const auto t = parse_timestamp(input);
    if (!t)
        return 0;
    const auto whole = std::chrono::floor<std::chrono::seconds>(*t);
    const auto again = parse_timestamp(format_timestamp(*t));
    fuzz::check(again && *again == whole);
    return 0;
}
