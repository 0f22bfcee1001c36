#include "transport/trust.hpp"

#include <acme/error.hpp>

#include <boost/asio/buffer.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#ifndef OPENSSL_IS_BORINGSSL
#error "the headers of OpenSSL were found in place of BoringSSL's"
#endif

namespace acme {

namespace {

namespace ssl = boost::asio::ssl;

constexpr const char* step = "trust anchors";

// Where the distributions keep their bundle; BoringSSL itself knows of none of them.
constexpr std::array bundles = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

void check_readable(const std::string& file)
{
    errno = 0;
    if (!std::ifstream(file)) {
        const boost::system::error_code ec(errno != 0 ? errno : EIO, boost::system::generic_category());
        throw error(ec, step, "cannot read " + file);
    }
}

void use_file(ssl::context& context, const std::string& file)
{
    check_readable(file);
    boost::system::error_code ec;
    context.load_verify_file(file, ec);
    if (ec)
        throw error(ec, step, file + " holds no PEM certificate that can be read");
}

void use_text(ssl::context& context, const std::string& pem)
{
    boost::system::error_code ec;
    context.add_certificate_authority(boost::asio::buffer(pem), ec);
    if (ec)
        throw error(ec, step, "https_options::trust_anchors holds no PEM certificate that can be read");
}

void use_system(ssl::context& context)
{
    boost::system::error_code ignored;
    // Of a program with privileges its user's environment decides nothing.
    const char* file = ::secure_getenv("SSL_CERT_FILE");
    const char* directory = ::secure_getenv("SSL_CERT_DIR");
    if (file != nullptr)
        context.load_verify_file(file, ignored);
    if (directory != nullptr)
        context.add_verify_path(directory, ignored);
    if (file == nullptr && directory == nullptr) {
        for (const char* bundle : bundles) {
            std::error_code absent;
            if (!std::filesystem::exists(bundle, absent))
                continue;
            context.load_verify_file(bundle, ignored);
            if (!ignored)
                return;
        }
        context.set_default_verify_paths(ignored);
    }
    ERR_clear_error();
}

} // namespace

ssl::context make_client_context(const https_options& options)
{
    ssl::context context(ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    context.set_verify_mode(ssl::verify_peer);
    if (!options.ca_file.empty())
        use_file(context, options.ca_file);
    if (!options.trust_anchors.empty())
        use_text(context, options.trust_anchors);
    if (options.ca_file.empty() && options.trust_anchors.empty())
        use_system(context);
    return context;
}

void use_certificate(ssl::context& context, const std::string& certificate_file, const std::string& key_file)
{
    boost::system::error_code ec;
    check_readable(certificate_file);
    context.use_certificate_chain_file(certificate_file, ec);
    if (ec)
        throw error(ec, step, certificate_file + " holds no PEM certificate that can be read");
    check_readable(key_file);
    context.use_private_key_file(key_file, ssl::context::pem, ec);
    if (ec)
        throw error(ec, step, key_file + " holds no PEM key that can be read and fits " + certificate_file);
}

} // namespace acme
