#include "manager/self_check_key.hpp"

#include "crypto/aead.hpp"
#include "crypto/base64.hpp"
#include "crypto/challenge_certificate.hpp"
#include "crypto/jose.hpp"

#include <acme/error.hpp>

namespace acme {
namespace {

constexpr std::string_view purpose = "self-check";

std::string digest(const std::string& s)
{
    const auto d = sha256(s);
    return {d.begin(), d.end()};
}

std::string secret_of(const key& k)
{
    return digest(std::string(purpose) + k.to_pem());
}

} // namespace

self_check_key::self_check_key()
    : key_(key::generate())
    , secret_(secret_of(key_))
{}

certificate_ptr self_check_key::make_leaf(std::string_view host, std::chrono::system_clock::time_point now) const
{
    return make_challenge_certificate(host, purpose, now, key_);
}

std::string self_check_key::make_token() const
{
    return base64url_encode(aead_seal(secret_, {}, purpose));
}

std::optional<std::string> self_check_key::answer(std::string_view token) const
{
    const auto sealed = base64url_decode(token);
    if (!sealed || sealed->size() != aead_overhead || !aead_open(secret_, *sealed, purpose))
        return std::nullopt;
    return std::string(token) + "." + base64url_encode(digest(secret_ + std::string(token)));
}

void self_check_key::merge(std::string_view theirs)
{
    auto k = key::from_pem(theirs);
    if (!k)
        throw error(make_error_code(errc::damaged_state), "self-check", "no key");
    key_ = std::move(*k);
    secret_ = secret_of(key_);
}

} // namespace acme
