#include "protocol/link.hpp"

#include "check.hpp"
#include "protocol/url.hpp"

#include <algorithm>
#include <array>
#include <string>

using namespace acme;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto input = fuzz::text(data, size);
    const auto line_end = std::min(input.find('\n'), input.size());
    const std::array<std::string, 2> fields{
        std::string(input.substr(0, line_end)), std::string(input.substr(line_end))};
    const auto found = links(fields, "alternate", "https://ca.example/acme/cert/1");
    fuzz::check(found.size() <= 10);
    for (const auto& url : found)
        fuzz::check(acceptable_url(url));
    return 0;
}
