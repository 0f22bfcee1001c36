#include "check.hpp"
#include "crypto/pem.hpp"

#include <acme/certificate.hpp>

#include <string>

using namespace acme;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto input = fuzz::text(data, size);
    static const auto own = key::from_pem("-----BEGIN PRIVATE KEY-----\n"
                                          "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyi4MeCLgzKUtP3zG\n"
                                          "z7815i6XGBBrJCiYcm9RLYR3jUGhRANCAASLTTG4GMVEP73/ytseoNZbbDzYkWeo\n"
                                          "m1PEfLS3yKbxlr1+hxnlJ35nOITQ/qGaTX1Q5v9XJRxBgeH2PMksGoPh\n"
                                          "-----END PRIVATE KEY-----\n");
    fuzz::check(own.has_value());
    std::string why;
    if (!certificate::from_pem(input, *own, why))
        fuzz::check(!why.empty());
    const auto der = write_pem("CERTIFICATE", input);
    why.clear();
    if (const auto c = certificate::from_pem(der, *own, why)) {
        fuzz::check(c->chain_pem() == der && c->leaf_der() == input && c->issuer().size() <= 256);
        const auto names = c->names();
        (void)accept(*c, names, c->not_before());
        for (const auto& name : names)
            (void)c->covers(name);
    } else
        fuzz::check(!why.empty());
    return 0;
}
