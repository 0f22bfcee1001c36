#include "protocol/host_name.hpp"

#include "check.hpp"

using namespace acme;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto input = fuzz::text(data, size);
    const auto name = normalize_host_name(input);
    fuzz::check(bool(name) == name.why.empty());
    if (!name)
        return 0;
    fuzz::check(name->size() <= 253 && name->find_first_of("*:[]/ \n") == name->npos);
    const auto again = normalize_host_name(*name);
    fuzz::check(again && *again == *name);
    return 0;
}
