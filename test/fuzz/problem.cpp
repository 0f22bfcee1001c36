#include "protocol/problem.hpp"

#include "check.hpp"

using namespace acme;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto input = fuzz::text(data, size);
    const bool declared = size % 2 == 0;
    const auto p = parse_problem(input, declared ? "application/problem+json" : "text/html", 400);
    fuzz::check(p.detail.size() <= 2048 && p.subproblems.size() <= 100);
    const auto line = p.describe();
    fuzz::check(line.find('\n') == line.npos && line.find('\x1b') == line.npos);
    return 0;
}
