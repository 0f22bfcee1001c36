#include "crypto/base64.hpp"
#include "crypto/boringssl.hpp"
#include "protocol/timestamp.hpp"
#include "testing/model.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include <openssl/rand.h>

#include <algorithm>

namespace acme::testing {

namespace json = boost::json;

namespace {

std::string new_token()
{
    std::string octets(24, '\0');
    must(RAND_bytes(reinterpret_cast<std::uint8_t*>(octets.data()), octets.size()));
    return base64url_encode(octets);
}

} // namespace

std::string ca::model::authorize(const identifier& id, const std::string& account)
{
    const std::string owner_and_name = account + " " + id.type + " " + id.value;
    if (const authorization_record* known = reusable(owner_and_name))
        return known->url;
    authorization_record z;
    z.url = fresh_url("/authz/");
    z.account = account;
    z.identifier = id;
    z.wildcard = id.value.starts_with("*.");
    if (z.wildcard)
        z.identifier.value.erase(0, 2);
    z.expires = now() + state.options.authorization_lifetime;
    add_challenges(z);
    authorization_by_name_[owner_and_name] = z.url;
    return state.authorizations.emplace(z.url, z).first->first;
}

const authorization_record* ca::model::reusable(const std::string& owner_and_name) const
{
    const auto known = authorization_by_name_.find(owner_and_name);
    if (!state.options.reuse_authorizations || known == authorization_by_name_.end())
        return nullptr;
    const auto z = state.authorizations.find(known->second);
    const bool good = z != state.authorizations.end() && z->second.status == "valid" && now() < z->second.expires;
    return good ? &z->second : nullptr;
}

void ca::model::add_challenges(authorization_record& z) const
{
    for (const std::string& type : state.options.challenge_types) {
        const bool fit = z.wildcard ? type == "dns-01" : z.identifier.type == "dns" || type != "dns-01";
        if (!fit)
            continue;
        challenge_record c;
        c.type = type;
        c.token = new_token();
        z.challenges.push_back(std::move(c));
    }
}

json::object ca::model::show(const authorization_record& z, const challenge_record& c) const
{
    json::object o;
    o["type"] = c.type;
    o["url"] = z.url + "/" + c.type;
    o["status"] = c.status;
    o["token"] = c.token;
    if (!c.error.empty())
        o["error"] = problem_document(403, c.error_type, c.error);
    return o;
}

https_response ca::model::authorization(authentic& a, authorization_record& z)
{
    const auto* status = a.payload.if_contains("status");
    if (status != nullptr && *status == json::value("deactivated"))
        z.status = "deactivated";
    else
        settle(z);
    json::object id;
    id["type"] = z.identifier.type;
    id["value"] = z.identifier.value;
    json::object body;
    body["identifier"] = id;
    body["status"] = z.status;
    body["expires"] = format_timestamp(z.expires);
    if (z.wildcard)
        body["wildcard"] = true;
    json::array challenges;
    for (const auto& c : z.challenges)
        challenges.push_back(show(z, c));
    body["challenges"] = challenges;
    return unfinished(json_answer(200, body), z.status == "pending");
}

validation_task ca::model::task_for(const authorization_record& z, const challenge_record& c) const
{
    validation_task task;
    task.authorization = z.url;
    task.timeout = state.options.validation_timeout;
    validation& v = task.validation;
    v.identifier = z.identifier;
    v.type = c.type;
    v.token = c.token;
    const auto account = state.accounts.find(z.account);
    if (account != state.accounts.end())
        v.key_authorization = v.token + "." + thumbprint_of(json::parse(account->second.jwk).as_object());
    if (state.options.resolve)
        task.where = state.options.resolve(v);
    if (!task.where && c.type == "tls-alpn-01")
        task.where = state.options.tls_alpn_01;
    if (!task.where && c.type == "http-01")
        task.where = state.options.http_01;
    return task;
}

void ca::model::settle(authorization_record& z)
{
    if ((z.status == "pending" || z.status == "valid") && now() >= z.expires)
        z.status = "expired";
    const auto under_way =
        std::find_if(z.challenges.begin(), z.challenges.end(), [](const auto& c) { return c.status == "processing"; });
    if (z.status != "pending" || under_way == z.challenges.end())
        return;
    if (z.polls_left > 0) {
        --z.polls_left;
        return;
    }
    const ca_options& o = state.options;
    if (!o.validate && (o.resolve || o.tls_alpn_01 || o.http_01))
        return;
    ++state.validations;
    const validation v = task_for(z, *under_way).validation;
    std::optional<validation_failure> failure;
    if (const auto wrong = o.validate ? o.validate(v) : std::nullopt)
        failure.emplace("unauthorized", *wrong);
    conclude(z, *under_way, failure);
}

void ca::model::conclude(authorization_record& z, challenge_record& c, const std::optional<validation_failure>& failure)
{
    c.status = z.status = failure ? "invalid" : "valid";
    if (failure) {
        c.error_type = failure->type;
        c.error = failure->detail;
    }
}

void ca::model::validated(const validation_task& task, const std::optional<validation_failure>& failure)
{
    const std::lock_guard lock(mutex);
    ++state.validations;
    const auto z = state.authorizations.find(task.authorization);
    if (z == state.authorizations.end() || z->second.status != "pending")
        return;
    for (challenge_record& c : z->second.challenges)
        if (c.type == task.validation.type && c.status == "processing")
            conclude(z->second, c, failure);
}

void ca::model::respond(const passage& p, authorization_record& z, challenge_record& c)
{
    if (z.status != "pending" || c.status != "pending")
        throw refusal(400, "malformed", "cannot update challenge with status " + c.status);
    const bool another = std::any_of(
        z.challenges.begin(), z.challenges.end(), [](const auto& other) { return other.status == "processing"; });
    if (another)
        throw refusal(400, "malformed", "another challenge is being validated");
    c.status = "processing";
    z.polls_left = state.options.validation_polls;
    const ca_options& o = state.options;
    if (o.validate || (!o.resolve && !o.tls_alpn_01 && !o.http_01))
        return;
    if (p.start)
        p.start(task_for(z, c));
    else
        conclude(z, c, std::nullopt);
}

https_response ca::model::challenge(passage& p, authentic& a, authorization_record& z)
{
    const auto c = std::find_if(
        z.challenges.begin(), z.challenges.end(), [&](const auto& one) { return one.type == p.route.detail; });
    if (c == z.challenges.end())
        throw refusal(404, "malformed", "no such challenge");
    if (!a.get && a.jws.payload != "{}")
        throw refusal(400, "malformed", "the payload of a response is {}");
    if (!a.get)
        respond(p, z, *c);
    https_response out = json_answer(200, show(z, *c));
    out.fields.emplace_back("link", "<" + z.url + ">;rel=\"up\"");
    return out;
}

} // namespace acme::testing
