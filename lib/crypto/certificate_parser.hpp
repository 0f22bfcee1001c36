#pragma once

#include "crypto/boringssl.hpp"

#include <acme/certificate.hpp>

#include <openssl/pool.h>

#include <string>
#include <vector>

namespace acme {

/// Makes `certificate` objects of DER; what `certificate::from_pem` says of errors holds.
struct certificate_parser
{
    static certificate_ptr join(std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> chain, key private_key, std::string& why);
};

} // namespace acme
