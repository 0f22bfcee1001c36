#include "crypto/pem.hpp"

#include "check.hpp"

using namespace acme;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto input = fuzz::text(data, size);
    constexpr std::size_t most = 10;
    const auto blocks = parse_pem(input, most);
    if (!blocks)
        return 0;
    fuzz::check(blocks->size() <= most);
    for (const auto& block : *blocks) {
        const auto again = parse_pem(write_pem(block.label, block.der), most);
        fuzz::check(
            again && again->size() == 1 && again->front().label == block.label && again->front().der == block.der);
    }
    return 0;
}
