#include "crypto/base64.hpp"
#include "crypto/jose.hpp"
#include "kit/csr_check.hpp"
#include "kit/model_ca.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace acme::test {

namespace json = boost::json;

namespace {

[[noreturn]] void refuse(const char* what)
{
    throw std::runtime_error(what);
}

std::string token()
{
    std::string octets(24, '\0');
    RAND_bytes(reinterpret_cast<std::uint8_t*>(octets.data()), octets.size());
    return base64url_encode(octets);
}

json::object show(const identifier& id)
{
    json::object o;
    o["type"] = id.type;
    o["value"] = id.value;
    return o;
}

json::object unauthorized(const std::string& detail)
{
    json::object o;
    o["type"] = "urn:ietf:params:acme:error:unauthorized";
    o["detail"] = detail;
    o["status"] = 403;
    return o;
}

json::object canonical_jwk(const EVP_PKEY& k)
{
    return json::parse(jwk(k)).as_object();
}

} // namespace

https_response model_ca::new_order(authentic& a)
{
    order_record o;
    o.account = a.account->url;
    for (const auto& value : a.payload.at("identifiers").as_array()) {
        const auto& id = value.as_object();
        o.identifiers.emplace_back(std::string(id.at("type").as_string()), std::string(id.at("value").as_string()));
    }
    if (const auto* profile = a.payload.if_contains("profile")) {
        o.profile = std::string(profile->as_string());
        if (!options.profiles.contains(o.profile))
            return problem_answer(400, "invalidProfile", "no such profile");
    }
    if (const auto* replaces = a.payload.if_contains("replaces")) {
        o.replaces = std::string(replaces->as_string());
        if (!replaced_.insert(o.replaces).second)
            return problem_answer(409, "alreadyReplaced", "another order replaces this certificate");
    }
    o.url = fresh_url("/order/");
    for (const identifier& id : o.identifiers)
        o.authorizations.push_back(authorize(id, o.account));
    // CAs are free to order these as they like, and Pebble shuffles them.
    std::reverse(o.authorizations.begin(), o.authorizations.end());
    std::sort(o.identifiers.begin(), o.identifiers.end());
    const std::string order_url = o.url;
    auto& kept = orders.emplace(order_url, std::move(o)).first->second;
    settle(kept);
    https_response out = order(kept);
    out.status = 201;
    out.fields.emplace_back("location", order_url);
    return out;
}

std::string model_ca::authorize(const identifier& id, const std::string& account)
{
    if (options.reuse_authorizations)
        for (const auto& [u, z] : authorizations)
            if (z.account == account && z.identifier == id && z.status == "valid")
                return u;
    authorization_record z;
    z.url = fresh_url("/authz/");
    z.account = account;
    z.identifier = id;
    z.wildcard = id.value.starts_with("*.");
    if (z.wildcard)
        z.identifier.value.erase(0, 2);
    for (const std::string& type : options.challenge_types) {
        if (z.wildcard && type != "dns-01")
            continue;
        challenge_record c;
        c.type = type;
        c.token = token();
        z.challenges.push_back(std::move(c));
    }
    authorizations.emplace(z.url, z);
    return z.url;
}

void model_ca::settle(order_record& o)
{
    if (o.status == "processing") {
        if (o.polls_left > 0)
            --o.polls_left;
        else
            issue(o);
    }
    if (o.status != "pending")
        return;
    const auto all = [&](auto condition) {
        return std::all_of(o.authorizations.begin(), o.authorizations.end(),
            [&](const std::string& u) { return condition(authorizations.at(u).status); });
    };
    if (all([](const std::string& status) { return status == "valid"; }))
        o.status = "ready";
    else if (!all([](const std::string& status) { return status == "valid" || status == "pending"; }))
        o.status = "invalid";
}

https_response model_ca::order(order_record& o)
{
    json::object body;
    body["status"] = o.status;
    json::array identifiers;
    for (const identifier& id : o.identifiers)
        identifiers.push_back(show(id));
    body["identifiers"] = identifiers;
    json::array urls;
    for (const std::string& u : o.authorizations)
        urls.push_back(json::string(u));
    body["authorizations"] = urls;
    body["finalize"] = o.url + "/finalize";
    if (!o.profile.empty())
        body["profile"] = o.profile;
    if (!o.certificate.empty())
        body["certificate"] = o.certificate;
    if (o.status == "invalid")
        body["error"] = unauthorized("an authorization is not valid");
    return unfinished(json_answer(200, json::serialize(body)), o.status == "processing");
}

https_response model_ca::finalize(authentic& a, order_record& o)
{
    settle(o);
    if (o.status != "ready")
        return problem_answer(403, "orderNotReady", "the order is " + o.status);
    const auto der = base64url_decode(std::string_view(a.payload.at("csr").as_string()));
    if (!der)
        refuse("the CSR is not base64url");
    read_csr csr(*der);
    auto wanted = o.identifiers;
    std::sort(wanted.begin(), wanted.end());
    std::sort(csr.identifiers.begin(), csr.identifiers.end());
    if (csr.identifiers != wanted)
        return problem_answer(400, "badCSR", "the CSR's names are not the order's");
    if (canonical(canonical_jwk(*csr.public_key)) == canonical(a.jwk))
        return problem_answer(400, "badCSR", "the CSR has the account's key");
    o.public_key = std::move(csr.public_key);
    o.status = "processing";
    o.polls_left = options.issuance_polls;
    if (options.issuance_polls == 0)
        issue(o);
    else
        --o.polls_left;
    return order(o);
}

void model_ca::issue(order_record& o)
{
    certificate_options leaf;
    leaf.subject.clear();
    for (const identifier& id : o.identifiers)
        leaf.names.push_back(id.value);
    leaf.not_before = now() - std::chrono::hours(1);
    leaf.not_after = now() + options.lifetime;
    leaf.serial = 0x10000 + ++counter_;
    if (on_issue)
        on_issue(leaf);
    const std::string leaf_pem =
        make_certificate(leaf, *o.public_key, chain_options().intermediate.subject, authority_.intermediate_key);
    certificate_record c;
    c.account = o.account;
    c.pem = leaf_pem + authority_.intermediate_pem;
    c.leaf_der = der_of(leaf_pem);
    c.jwk = canonical(canonical_jwk(*o.public_key));
    o.certificate = fresh_url("/cert/");
    o.status = "valid";
    certificates.emplace(o.certificate, std::move(c));
}

json::object model_ca::show_challenge(const authorization_record& z, const challenge_record& c) const
{
    json::object o;
    o["type"] = c.type;
    o["url"] = z.url + "/" + c.type;
    o["status"] = c.status;
    o["token"] = c.token;
    if (!c.error.empty())
        o["error"] = unauthorized(c.error);
    return o;
}

https_response model_ca::authorization(authentic& a, authorization_record& z)
{
    const auto* status = a.payload.if_contains("status");
    if (status != nullptr && *status == json::value("deactivated"))
        z.status = "deactivated";
    else
        settle(z);
    json::object body;
    body["identifier"] = show(z.identifier);
    body["status"] = z.status;
    if (z.wildcard)
        body["wildcard"] = true;
    json::array challenges;
    for (const auto& c : z.challenges)
        challenges.push_back(show_challenge(z, c));
    body["challenges"] = challenges;
    return unfinished(json_answer(200, json::serialize(body)), z.status == "pending");
}

void model_ca::settle(authorization_record& z)
{
    const auto under_way =
        std::find_if(z.challenges.begin(), z.challenges.end(), [](const auto& c) { return c.status == "processing"; });
    if (z.status != "pending" || under_way == z.challenges.end() || z.polls_left-- > 0)
        return;
    validation v;
    v.identifier = z.identifier;
    v.type = under_way->type;
    v.token = under_way->token;
    v.key_authorization = v.token + "." + thumbprint_of(accounts.at(z.account).jwk);
    const auto wrong = validate ? validate(v) : std::nullopt;
    under_way->status = z.status = wrong ? "invalid" : "valid";
    under_way->error = wrong.value_or("");
}

https_response model_ca::respond(authorization_record& z, challenge_record& c, const authentic& a)
{
    if (!a.get && a.jws.payload != "{}")
        refuse("the payload of a response is {}");
    if (!a.get) {
        if (z.status != "pending" || c.status != "pending")
            return problem_answer(400, "malformed", "cannot update challenge with status " + c.status);
        c.status = "processing";
        z.polls_left = options.validation_polls;
    }
    https_response out = json_answer(200, json::serialize(show_challenge(z, c)));
    out.fields.emplace_back("link", "<" + z.url + ">;rel=\"up\"");
    return out;
}

} // namespace acme::test
