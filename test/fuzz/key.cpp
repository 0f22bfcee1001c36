#include "check.hpp"
#include "crypto/pem.hpp"

#include <acme/key.hpp>

using namespace acme;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto input = fuzz::text(data, size);
    (void)key::from_pem(input);
    for (const auto* label : {"PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"})
        if (const auto k = key::from_pem(write_pem(label, input)))
            fuzz::check(key::from_pem(k->to_pem()) == k && key::from_der(input).has_value());
    return 0;
}
