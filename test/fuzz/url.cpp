#include "protocol/url.hpp"

#include "check.hpp"

using namespace acme;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto input = fuzz::text(data, size);
    (void)acceptable_url(input);
    if (const auto url = resolve("https://ca.example/acme/order/1?x=y", input)) {
        fuzz::check(acceptable_url(*url));
        const auto again = resolve("https://other.example/", *url);
        fuzz::check(again && *again == *url);
    }
    return 0;
}
