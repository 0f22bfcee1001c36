#pragma once

#include "kit/make_chain.hpp"

#include <acme/certificate.hpp>

#include <stdexcept>
#include <string>
#include <vector>

namespace acme::test {

/// A certificate for `names`, valid at `chain_time`.
inline certificate_ptr make_served(std::vector<std::string> names)
{
    auto made = make_chain(chain_options(std::move(names)));
    std::string why;
    auto c = certificate::from_pem(made.pem, made.leaf_key, why);
    if (!c)
        throw std::logic_error(why);
    return c;
}

} // namespace acme::test
