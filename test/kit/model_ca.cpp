#include "kit/model_ca.hpp"

#include "crypto/base64.hpp"
#include "crypto/jose.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace acme::test {

namespace json = boost::json;

namespace {

struct refusal
{
    https_response answer;

    refusal(unsigned status, std::string_view type, std::string_view detail)
        : answer(problem_answer(status, type, detail))
    {}
};

https_response json_object(unsigned status, const json::object& body)
{
    return json_answer(status, json::serialize(body));
}

std::string random_text()
{
    std::string octets(18, '\0');
    RAND_bytes(reinterpret_cast<std::uint8_t*>(octets.data()), octets.size());
    return base64url_encode(octets);
}

std::string member(const json::object& o, std::string_view name)
{
    const auto* value = o.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

made_chain make_authority(time_point now)
{
    chain_options options;
    for (auto* ca : {&options.intermediate, &options.root}) {
        ca->not_before = now - std::chrono::hours(24 * 365);
        ca->not_after = now + std::chrono::hours(24 * 3650);
    }
    return make_chain(options);
}

} // namespace

model_ca::model_ca(model_ca_options o)
    : options(std::move(o))
    , authority_(make_authority(now()))
{}

scripted_transport::peer model_ca::peer()
{
    return [this](const https_request& request) { return answer(request); };
}

std::string model_ca::new_nonce()
{
    return *nonces_.insert(random_text()).first;
}

https_response model_ca::answer(const https_request& request)
{
    if (request.url == directory_url() && request.method == "GET")
        return directory();
    https_response out = problem_answer(405, "malformed", "method not allowed");
    if (request.url == url("/new-nonce") && (request.method == "HEAD" || request.method == "GET")) {
        out = https_response();
        out.status = request.method == "HEAD" ? 200 : 204;
    } else if (request.method == "POST") {
        try {
            out = post(request);
        } catch (const refusal& r) {
            out = r.answer;
        } catch (const std::exception& e) {
            out = problem_answer(400, "malformed", e.what());
        }
    }
    out.fields.emplace_back("replay-nonce", new_nonce());
    out.fields.emplace_back("link", "<" + directory_url() + ">;rel=\"index\"");
    return out;
}

https_response model_ca::directory() const
{
    json::object d;
    d["newNonce"] = url("/new-nonce");
    d["newAccount"] = url("/new-account");
    d["newOrder"] = url("/new-order");
    d["revokeCert"] = url("/revoke-cert");
    d["keyChange"] = url("/key-change");
    d["a-random-entry"] = "https://community.test/t/adding-random-entries-to-the-directory";
    json::object meta;
    meta["termsOfService"] = url("/terms");
    if (!options.external_accounts.empty())
        meta["externalAccountRequired"] = true;
    json::object profiles;
    for (const auto& [name, description] : options.profiles)
        profiles[name] = description;
    if (!profiles.empty())
        meta["profiles"] = profiles;
    d["meta"] = meta;
    return json_object(200, d);
}

https_response model_ca::post(const https_request& request)
{
    if (request.content_type != "application/jose+json")
        throw refusal(415, "malformed", "Content-Type is not application/jose+json");
    authentic a = authenticate(request);
    return route(request, a);
}

model_ca::authentic model_ca::authenticate(const https_request& request)
{
    authentic a{read_jws(request.body)};
    const bool shows_key = a.jws.header.contains("jwk");
    if (shows_key) {
        if (request.url != url("/new-account") && request.url != url("/revoke-cert"))
            throw refusal(400, "malformed", "this request needs a kid");
        a.jwk = a.jws.header.at("jwk").as_object();
    } else {
        if (request.url == url("/new-account"))
            throw refusal(400, "malformed", "this request needs a jwk");
        const auto found = accounts.find(a.jws.text("kid"));
        if (found == accounts.end())
            throw refusal(400, "accountDoesNotExist", "no such account");
        if (found->second.status != "valid")
            throw refusal(403, "unauthorized", "the account is " + found->second.status);
        a.account = &found->second;
        a.jwk = found->second.jwk;
    }
    if (!a.jws.signed_by(a.jwk))
        throw refusal(403, "unauthorized", "the signature does not verify");
    const bool known = nonces_.erase(a.jws.text("nonce")) == 1;
    if (refuse_nonces > 0 || !known) {
        refuse_nonces -= refuse_nonces > 0 ? 1 : 0;
        throw refusal(400, "badNonce", "the nonce is not good");
    }
    if (a.jws.text("url") != request.url)
        throw refusal(403, "unauthorized", "the JWS is for another URL");
    a.get = a.jws.payload.empty();
    if (!a.get)
        a.payload = json::parse(a.jws.payload).as_object();
    return a;
}

https_response model_ca::route(const https_request& request, authentic& a)
{
    const std::string& u = request.url;
    if (u == url("/new-account"))
        return new_account(a);
    if (u == url("/new-order"))
        return new_order(a);
    if (u == url("/key-change"))
        return key_change(a, u);
    if (u == url("/revoke-cert"))
        return revoke(a);
    if (a.account->url == u)
        return account(a);
    if (const auto o = orders.find(u); o != orders.end() && o->second.account == a.account->url) {
        settle(o->second);
        return order(o->second);
    }
    if (const auto z = authorizations.find(u); z != authorizations.end() && z->second.account == a.account->url)
        return authorization(a, z->second);
    if (certificates.contains(u) && certificates.at(u).account == a.account->url)
        return certificate(u);
    for (auto& [order_url, o] : orders)
        if (u == order_url + "/finalize" && o.account == a.account->url)
            return finalize(a, o);
    for (auto& [authorization_url, z] : authorizations)
        for (auto& c : z.challenges)
            if (u == authorization_url + "/" + c.type && z.account == a.account->url)
                return respond(z, c, a);
    throw refusal(404, "malformed", "no such resource");
}

void model_ca::check_binding(const authentic& a) const
{
    const auto* binding = a.payload.if_contains("externalAccountBinding");
    if (binding == nullptr)
        throw refusal(403, "externalAccountRequired", "an external account is required");
    const read_jws inner(json::serialize(*binding));
    const auto known = options.external_accounts.find(inner.text("kid"));
    if (inner.header.contains("nonce") || inner.text("url") != url("/new-account"))
        throw refusal(400, "malformed", "the binding's header is not as it should be");
    if (known == options.external_accounts.end() || !inner.authenticated_by(known->second))
        throw refusal(403, "unauthorized", "the binding does not verify");
    if (canonical(json::parse(inner.payload).as_object()) != canonical(a.jwk))
        throw refusal(400, "badPublicKey", "the binding is for another key");
}

https_response model_ca::new_account(authentic& a)
{
    const auto same = [&](const auto& entry) { return canonical(entry.second.jwk) == canonical(a.jwk); };
    const auto found = std::find_if(accounts.begin(), accounts.end(), same);
    unsigned status = 200;
    if (found != accounts.end()) {
        if (found->second.status != "valid")
            throw refusal(403, "unauthorized", "the account is " + found->second.status);
        a.account = &found->second;
    } else {
        if (a.payload.contains("onlyReturnExisting"))
            throw refusal(400, "accountDoesNotExist", "no account has this key");
        if (options.require_agreement && !a.payload.contains("termsOfServiceAgreed"))
            throw refusal(403, "userActionRequired", "the terms of service must be agreed to");
        if (!options.external_accounts.empty())
            check_binding(a);
        account_record record;
        record.url = fresh_url("/account/");
        record.jwk = a.jwk;
        if (const auto* contact = a.payload.if_contains("contact"))
            record.contact = contact->as_array();
        a.account = &accounts.emplace(record.url, record).first->second;
        status = 201;
    }
    a.payload.clear();
    https_response out = account(a);
    out.status = status;
    out.fields.emplace_back("location", a.account->url);
    return out;
}

https_response model_ca::account(authentic& a)
{
    if (member(a.payload, "status") == "deactivated")
        a.account->status = "deactivated";
    if (const auto* contact = a.payload.if_contains("contact"))
        a.account->contact = contact->as_array();
    json::object body;
    body["status"] = a.account->status;
    body["contact"] = a.account->contact;
    return json_object(200, body);
}

https_response model_ca::key_change(authentic& a, const std::string& request_url)
{
    const read_jws inner(a.jws.payload);
    const auto& new_jwk = inner.header.at("jwk").as_object();
    const auto payload = json::parse(inner.payload).as_object();
    if (inner.header.contains("nonce") || inner.text("url") != request_url || !inner.signed_by(new_jwk))
        throw refusal(400, "malformed", "the inner JWS is not as it should be");
    if (member(payload, "account") != a.account->url || canonical(payload.at("oldKey").as_object()) != canonical(a.jwk))
        throw refusal(400, "malformed", "the inner JWS is for another account");
    for (const auto& [other_url, other] : accounts)
        if (canonical(other.jwk) == canonical(new_jwk))
            throw refusal(409, "conflict", "another account has this key");
    a.account->jwk = new_jwk;
    https_response empty;
    empty.status = 200;
    return empty;
}

https_response model_ca::certificate(const std::string& u)
{
    https_response out;
    out.status = 200;
    out.fields.emplace_back("content-type", "application/pem-certificate-chain");
    out.fields.emplace_back("link", "<" + u + "/1>;rel=\"alternate\"");
    out.body = certificates.at(u).pem;
    return out;
}

https_response model_ca::revoke(authentic& a)
{
    const std::string der = base64url_decode(member(a.payload, "certificate")).value_or("");
    for (auto& [u, c] : certificates) {
        if (c.leaf_der != der)
            continue;
        const bool own = a.account != nullptr ? c.account == a.account->url : c.jwk == canonical(a.jwk);
        if (!own)
            throw refusal(403, "unauthorized", "not the certificate of this account or key");
        if (c.revoked)
            throw refusal(400, "alreadyRevoked", "it is revoked already");
        c.revoked = static_cast<int>(a.payload.at("reason").to_number<int>());
        https_response empty;
        empty.status = 200;
        return empty;
    }
    throw refusal(404, "malformed", "no such certificate");
}

https_response model_ca::unfinished(https_response answer, bool yes) const
{
    if (yes && !options.retry_after.empty())
        answer.fields.emplace_back("retry-after", options.retry_after);
    return answer;
}

} // namespace acme::test
