#include "server/authority.hpp"

#include "check.hpp"

using namespace acme;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto input = fuzz::text(data, size);
    const auto host = host_of_authority(input);
    if (!host)
        return 0;
    fuzz::check(!host->empty() && host->find_first_of("@%/\r\n ") == host->npos);
    fuzz::check(host_of_authority(*host) == host);
    fuzz::check(host_of_authority(*host + ":443") == host);
    return 0;
}
