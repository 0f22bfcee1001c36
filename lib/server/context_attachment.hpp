#pragma once

#include "crypto/boringssl.hpp"

#include <openssl/ssl.h>

#include <memory>

namespace acme {

/// One object of a type that belongs to an `SSL_CTX` and ends with it.
template <class T>
class context_attachment
{
public:
    /// Null where there is none.
    static T* get(const SSL_CTX* context) noexcept { return static_cast<T*>(SSL_CTX_get_ex_data(context, index())); }

    /// Replaces an earlier one. Throws `std::bad_alloc`.
    static T* set(SSL_CTX* context, std::unique_ptr<T> object)
    {
        T* earlier = get(context);
        must(SSL_CTX_set_ex_data(context, index(), object.get()));
        delete earlier;
        return object.release();
    }

private:
    static void destroy(void*, void* object, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<T*>(object); }

    static int index()
    {
        static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, &destroy);
        return index;
    }
};

} // namespace acme
