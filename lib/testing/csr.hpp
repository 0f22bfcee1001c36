#pragma once

#include <acme/resource.hpp>

#include <openssl/evp.h>

#include <string>
#include <string_view>
#include <vector>

namespace acme::testing {

/// A certificate signing request as a CA sees it.
struct read_csr
{
    std::vector<identifier> identifiers;
    bssl::UniquePtr<EVP_PKEY> public_key;

    /// Throws `std::runtime_error` where it is not well-formed or not signed by its own key.
    explicit read_csr(std::string_view der);
};

} // namespace acme::testing
