// Needs the library's code, its headers, and BoringSSL's ones before any OpenSSL's.
#include <acme/error.hpp>

#include <openssl/ssl.h>

#ifndef OPENSSL_IS_BORINGSSL
#error OpenSSL's headers were found before BoringSSL's
#endif

#include <cstdio>

int main()
{
    const boost::system::error_code code = acme::make_error_code(acme::errc::rate_limited);
    const bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_method()));
    const bool works = code && code.category() == acme::acme_category() && context != nullptr;
    std::puts(works ? "works" : "does not work");
    return works ? 0 : 1;
}
