#include "crypto/base64.hpp"

#include "check.hpp"

using namespace acme;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto input = fuzz::text(data, size);
    const auto encoded = base64url_encode(input);
    const auto decoded = base64url_decode(encoded);
    fuzz::check(decoded && *decoded == input);
    const auto lenient = base64_decode_lenient(encoded);
    fuzz::check(lenient && *lenient == input);
    if (const auto bytes = base64url_decode(input))
        fuzz::check(base64url_encode(*bytes) == input);
    (void)base64_decode_lenient(input);
    return 0;
}
