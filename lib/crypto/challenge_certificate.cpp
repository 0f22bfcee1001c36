#include "crypto/challenge_certificate.hpp"

#include "crypto/boringssl.hpp"
#include "crypto/der.hpp"
#include "crypto/jose.hpp"
#include "crypto/self_signed_certificate.hpp"

namespace acme {
namespace {

constexpr std::string_view oid_acme_identifier = "1.3.6.1.5.5.7.1.31";
constexpr auto backdated = std::chrono::hours(1);
constexpr auto lifetime = std::chrono::hours(24 * 7);

std::string make_acme_identifier(std::string_view key_authorization)
{
    auto digest = sha256(key_authorization);
    bssl::ScopedCBB cbb;
    must(CBB_init(cbb.get(), 2 + digest.size()));
    must(CBB_add_asn1_octet_string(cbb.get(), digest.data(), digest.size()));
    return take(*cbb.get());
}

} // namespace

certificate_ptr make_challenge_certificate(std::string_view name_or_ip, std::string_view key_authorization,
    std::chrono::system_clock::time_point now, key private_key)
{
    const std::string name(name_or_ip);
    const auto identifier = make_acme_identifier(key_authorization);
    self_signed_contents contents{};
    contents.names = {&name, 1};
    contents.common_name = "ACME challenge";
    contents.not_before = now - backdated;
    contents.not_after = now + lifetime;
    contents.extension_oid = oid_acme_identifier;
    contents.extension = identifier;
    contents.key = std::move(private_key);
    return make_self_signed_certificate(contents);
}

} // namespace acme
