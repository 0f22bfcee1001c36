#pragma once

#include "kit/make_chain.hpp"
#include "kit/scripted_transport.hpp"

#include <acme/testing/ca.hpp>
#include <acme/testing/manual_clock.hpp>

namespace acme::test {

using testing::ca_options;
using testing::leaf_contents;
using testing::manual_clock;
using testing::validation;

/// A CA behind a transport that a test scripts request by request.
inline scripted_transport::peer peer_of(testing::ca& ca)
{
    return [&ca](const https_request& request) { return ca.answer(request); };
}

/// A CA that takes a poll for each step, and offers no renewal information.
inline ca_options leisurely()
{
    ca_options o;
    o.renewal_info = false;
    o.validation_polls = 1;
    o.issuance_polls = 1;
    return o;
}

} // namespace acme::test
