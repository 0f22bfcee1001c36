#pragma once

#include "testing/model.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace acme::testing {

/// What a CA finds where it connects; nothing where all is well. Await it on a strand.
boost::asio::awaitable<std::optional<validation_failure>> async_validate(validation_task task);

/// The section of RFC 8737 (3) about what the certificate must be.
std::optional<validation_failure> check_tls_alpn_certificate(const validation& v, const std::string& leaf_der);

} // namespace acme::testing
