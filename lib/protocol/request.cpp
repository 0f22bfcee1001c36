#include "protocol/request.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

namespace acme {
namespace {

std::string quoted(std::string_view s)
{
    return boost::json::serialize(boost::json::string_view(s.data(), s.size()));
}

/// A JSON object's text, member by member in the order added.
class object_text
{
public:
    object_text& raw(std::string_view name, std::string_view json)
    {
        text_ += text_.size() > 1 ? "," : "";
        text_ += quoted(name);
        text_ += ':';
        text_ += json;
        return *this;
    }

    object_text& string(std::string_view name, std::string_view value) { return raw(name, quoted(value)); }

    object_text& string_if_any(std::string_view name, std::string_view value)
    {
        return value.empty() ? *this : string(name, value);
    }

    std::string finish() const { return text_ + '}'; }

private:
    std::string text_{"{"};
};

std::string array_text(std::span<const std::string> elements)
{
    std::string text = "[";
    for (const std::string& e : elements) {
        text += text.size() > 1 ? "," : "";
        text += e;
    }
    return text + ']';
}

std::string quoted_array(std::span<const std::string> strings)
{
    std::vector<std::string> elements;
    for (const std::string& s : strings)
        elements.push_back(quoted(s));
    return array_text(elements);
}

} // namespace

std::string new_account_payload(std::span<const std::string> contacts, bool terms_agreed,
    std::string_view external_account_binding_jws, bool only_return_existing)
{
    object_text o;
    if (terms_agreed)
        o.raw("termsOfServiceAgreed", "true");
    if (!contacts.empty())
        o.raw("contact", quoted_array(contacts));
    if (!external_account_binding_jws.empty())
        o.raw("externalAccountBinding", external_account_binding_jws);
    if (only_return_existing)
        o.raw("onlyReturnExisting", "true");
    return o.finish();
}

std::string update_account_payload(std::span<const std::string> contacts)
{
    return object_text().raw("contact", quoted_array(contacts)).finish();
}

std::string deactivate_payload()
{
    return R"({"status":"deactivated"})";
}

std::string new_order_payload(
    std::span<const identifier> identifiers, std::string_view profile, std::string_view replaces)
{
    std::vector<std::string> elements;
    for (const identifier& id : identifiers)
        elements.push_back(object_text().string("type", id.type).string("value", id.value).finish());
    object_text o;
    o.raw("identifiers", array_text(elements));
    return o.string_if_any("profile", profile).string_if_any("replaces", replaces).finish();
}

std::string finalize_payload(std::string_view csr_base64url)
{
    return object_text().string("csr", csr_base64url).finish();
}

std::string revoke_payload(std::string_view certificate_base64url, revocation_reason reason)
{
    object_text o;
    o.string("certificate", certificate_base64url).raw("reason", std::to_string(static_cast<int>(reason)));
    return o.finish();
}

std::string key_change_payload(std::string_view account_url, std::string_view old_jwk)
{
    return object_text().string("account", account_url).raw("oldKey", old_jwk).finish();
}

std::string protected_header_kid(
    std::string_view alg, std::string_view nonce, std::string_view url, std::string_view kid)
{
    object_text o;
    return o.string("alg", alg).string_if_any("nonce", nonce).string("url", url).string("kid", kid).finish();
}

std::string protected_header_jwk(
    std::string_view alg, std::string_view nonce, std::string_view url, std::string_view jwk_json)
{
    object_text o;
    return o.string("alg", alg).string_if_any("nonce", nonce).string("url", url).raw("jwk", jwk_json).finish();
}

std::string protected_header_mac(std::string_view alg, std::string_view url, std::string_view kid)
{
    return object_text().string("alg", alg).string("url", url).string("kid", kid).finish();
}

} // namespace acme
