#pragma once

#include <acme/transport.hpp>

#include <boost/asio/ssl/context.hpp>

namespace acme {

/// A client context that verifies servers against the options' trust anchors, or the system's, and speaks TLS 1.2 or
/// later. Throws `acme::error`.
boost::asio::ssl::context make_client_context(const https_options& options);

/// The client's own chain and key, from PEM files. Throws `acme::error`.
void use_certificate(
    boost::asio::ssl::context& context, const std::string& certificate_file, const std::string& key_file);

} // namespace acme
