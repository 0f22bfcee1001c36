#include "testing/model.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace acme::testing {

namespace json = boost::json;

namespace {

std::string member(const json::object& o, std::string_view name)
{
    const auto* value = o.if_contains(json::string_view(name.data(), name.size()));
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool says_yes(const json::object& o, const char* name)
{
    const auto* value = o.if_contains(name);
    return value != nullptr && value->is_bool() && value->get_bool();
}

void read_contact(const json::object& payload, account_record& a)
{
    const auto* contact = payload.if_contains("contact");
    if (contact == nullptr)
        return;
    std::vector<std::string> all;
    for (const auto& one : contact->as_array()) {
        all.emplace_back(one.as_string());
        if (!all.back().starts_with("mailto:"))
            throw refusal(400, "unsupportedContact", "only mailto: contacts are supported");
    }
    a.contact = std::move(all);
}

} // namespace

void ca::model::check_binding(const authentic& a) const
{
    const auto* binding = a.payload.if_contains("externalAccountBinding");
    if (binding == nullptr)
        throw refusal(403, "externalAccountRequired", "an external account is required");
    const read_jws inner(json::serialize(*binding));
    const auto& externals = state.options.external_accounts;
    const auto known = externals.find(inner.text("kid"));
    if (inner.header.contains("nonce") || inner.text("url") != a.jws.text("url"))
        throw refusal(400, "malformed", "the binding's header is not as it should be");
    if (known == externals.end() || !inner.authenticated_by(known->second))
        throw refusal(403, "unauthorized", "the binding does not verify");
    if (canonical(json::parse(inner.payload).as_object()) != canonical(a.jwk))
        throw refusal(400, "badPublicKey", "the binding is for another key");
}

// Null where there is none, or it was forgotten.
account_record* ca::model::account_with(const std::string& jwk)
{
    const auto known = account_by_jwk_.find(jwk);
    const auto found = known == account_by_jwk_.end() ? state.accounts.end() : state.accounts.find(known->second);
    return found == state.accounts.end() || found->second.jwk != jwk ? nullptr : &found->second;
}

account_record& ca::model::create_account(authentic& a)
{
    if (says_yes(a.payload, "onlyReturnExisting"))
        throw refusal(400, "accountDoesNotExist", "no account has this key");
    if (state.options.require_agreement && !says_yes(a.payload, "termsOfServiceAgreed"))
        throw refusal(403, "userActionRequired", "the terms of service must be agreed to");
    if (!state.options.external_accounts.empty())
        check_binding(a);
    account_record record;
    record.jwk = canonical(a.jwk);
    read_contact(a.payload, record);
    record.url = fresh_url("/account/");
    account_by_jwk_[record.jwk] = record.url;
    return state.accounts.emplace(record.url, record).first->second;
}

https_response ca::model::new_account(authentic& a)
{
    account_record* known = account_with(canonical(a.jwk));
    if (known != nullptr && known->status != "valid")
        throw refusal(403, "unauthorized", "the account is " + known->status);
    a.account = known != nullptr ? known : &create_account(a);
    a.payload.clear();
    https_response out = account(a);
    out.status = known != nullptr ? 200 : 201;
    out.fields.emplace_back("location", a.account->url);
    return out;
}

https_response ca::model::account(authentic& a)
{
    if (member(a.payload, "status") == "deactivated")
        a.account->status = "deactivated";
    read_contact(a.payload, *a.account);
    json::object body;
    body["status"] = a.account->status;
    json::array contact;
    for (const std::string& one : a.account->contact)
        contact.push_back(json::string(one));
    body["contact"] = contact;
    return json_answer(200, body);
}

https_response ca::model::key_change(authentic& a, const std::string& request_url)
{
    const read_jws inner(a.jws.payload);
    const auto& new_jwk = inner.header.at("jwk").as_object();
    const auto payload = json::parse(inner.payload).as_object();
    if (inner.header.contains("nonce") || inner.text("url") != request_url || !inner.signed_by(new_jwk))
        throw refusal(400, "malformed", "the inner JWS is not as it should be");
    if (member(payload, "account") != a.account->url || canonical(payload.at("oldKey").as_object()) != a.account->jwk)
        throw refusal(400, "malformed", "the inner JWS is for another account");
    const std::string replacement = canonical(new_jwk);
    if (const account_record* other = account_with(replacement)) {
        refusal conflict(409, "conflict", "another account has this key");
        conflict.answer.fields.emplace_back("location", other->url);
        throw conflict;
    }
    account_by_jwk_.erase(a.account->jwk);
    a.account->jwk = replacement;
    account_by_jwk_[replacement] = a.account->url;
    return empty_answer(200);
}

} // namespace acme::testing
