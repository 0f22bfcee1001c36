#include "testing/model.hpp"

#include "crypto/base64.hpp"
#include "crypto/boringssl.hpp"

#include <boost/json/parse.hpp>

#include <openssl/rand.h>

#include <utility>

namespace acme::testing {

namespace json = boost::json;

namespace {

constexpr std::size_t max_nonces = 10'000;

std::string random_text()
{
    std::string octets(18, '\0');
    must(RAND_bytes(reinterpret_cast<std::uint8_t*>(octets.data()), octets.size()));
    return base64url_encode(octets);
}

void fill_up(https_response& answer, std::size_t octets)
{
    if (answer.body.size() < octets)
        answer.body.resize(octets, ' ');
}

void spoil(https_response& answer, const fault_reader& f)
{
    answer.status = 200;
    std::erase_if(answer.fields, [](const auto& field) { return field.first == "content-type"; });
    answer.fields.emplace_back("content-type", f.type());
    answer.body = f.text();
}

} // namespace

ca::model::model(ca_options o)
    : issuer(o.alternate_chains)
{
    state.options = std::move(o);
}

time_point ca::model::now() const
{
    return state.options.clock ? state.options.clock->now() : std::chrono::system_clock::now();
}

std::string ca::model::endpoint(std::string_view name) const
{
    const std::string prefix = generation_ == 0 ? "/" : "/m" + std::to_string(generation_) + "/";
    return url(prefix + std::string(name));
}

std::string ca::model::fresh_url(std::string_view path)
{
    return url(path) + std::to_string(++counter_);
}

std::string ca::model::new_nonce()
{
    nonce_age_.push_back(random_text());
    nonces_.insert(nonce_age_.back());
    if (nonce_age_.size() > max_nonces) {
        nonces_.erase(nonce_age_.front());
        nonce_age_.pop_front();
    }
    return nonce_age_.back();
}

bool ca::model::spend_nonce(const std::string& nonce)
{
    return nonces_.erase(nonce) == 1;
}

outcome ca::model::handle(const https_request& request, const start_validation& start)
{
    const std::lock_guard lock(mutex);
    const error_queue_guard errors;
    passage p(request, start);
    p.route = find_route(state.options.origin, request.url);
    request_record record;
    record.step = p.route.step;
    record.method = request.method;
    record.url = request.url;
    record.time = now();
    p.fault = faults.meet(record);
    outcome out = meet_fault(p);
    record.fault = p.fault ? p.fault->name() : std::string();
    record.status = out.how == delivery::reset || out.how == delivery::stall ? 0 : out.answer.status;
    if (state.options.keep_requests)
        requests.push_back(std::move(record));
    return out;
}

outcome ca::model::meet_fault(passage& p)
{
    outcome out;
    if (!p.fault) {
        out.answer = act(p);
        return out;
    }
    const fault_reader f(*p.fault);
    if (p.fault->what() == fault::kind::reset_before) {
        out.how = delivery::reset;
        return out;
    }
    if (p.fault->what() == fault::kind::directory_moved)
        ++generation_;
    if (auto answer = f.answer_instead(now())) {
        out.answer = std::move(*answer);
        out.answer.fields.emplace_back("replay-nonce", new_nonce());
        return out;
    }
    out.answer = act(p);
    out.octets = std::min(f.octets(), out.answer.body.size() / 2);
    switch (p.fault->what()) {
    case fault::kind::reset_after: out.how = delivery::reset; break;
    case fault::kind::stall: out.how = delivery::stall; break;
    case fault::kind::truncated: out.how = delivery::truncated; break;
    case fault::kind::oversized: fill_up(out.answer, f.octets()); break;
    case fault::kind::garbage: spoil(out.answer, f); break;
    default: break;
    }
    return out;
}

https_response ca::model::act(passage& p)
{
    https_response out;
    try {
        out = act_or_refuse(p);
    } catch (const refusal& r) {
        out = r.answer;
    } catch (const std::exception& e) {
        out = problem_answer(400, "malformed", e.what());
    }
    const bool has_nonce = p.route.step != step::directory && p.route.step != step::renewal_info;
    if (has_nonce || p.request.method == "POST")
        out.fields.emplace_back("replay-nonce", new_nonce());
    if (p.route.step != step::directory)
        out.fields.emplace_back("link", "<" + url("/directory") + ">;rel=\"index\"");
    return out;
}

https_response ca::model::act_or_refuse(passage& p)
{
    const route& r = p.route;
    const std::string& method = p.request.method;
    const bool moves = r.step == step::renewal_info || (r.step != step::directory && r.resource.empty());
    if (r.step == step::other || (moves && r.generation != generation_))
        throw refusal(404, "malformed", "no such resource");
    if (method == "GET" && r.step == step::directory)
        return directory();
    if (method == "GET" && r.step == step::renewal_info)
        return renewal_info(r);
    if (r.step == step::new_nonce && (method == "HEAD" || method == "GET"))
        return empty_answer(method == "HEAD" ? 200 : 204);
    if (method != "POST")
        throw refusal(405, "malformed", "method not allowed");
    return post(p);
}

https_response ca::model::post(passage& p)
{
    if (p.request.content_type != "application/jose+json")
        throw refusal(415, "malformed", "Content-Type is not application/jose+json");
    authentic a = authenticate(p.request, p.route);
    return route_signed(p, a);
}

void ca::model::find_key(authentic& a, const route& r)
{
    if (a.jws.header.contains("jwk")) {
        if (r.step != step::new_account && r.step != step::revoke_cert)
            throw refusal(400, "malformed", "this request needs a kid");
        a.jwk = a.jws.header.at("jwk").as_object();
        return;
    }
    if (r.step == step::new_account)
        throw refusal(400, "malformed", "this request needs a jwk");
    const auto found = state.accounts.find(a.jws.text("kid"));
    if (found == state.accounts.end())
        throw refusal(400, "accountDoesNotExist", "no such account");
    if (found->second.status != "valid")
        throw refusal(403, "unauthorized", "the account is " + found->second.status);
    a.account = &found->second;
    a.jwk = json::parse(found->second.jwk).as_object();
}

ca::model::authentic ca::model::authenticate(const https_request& request, const route& r)
{
    authentic a{read_jws(request.body)};
    find_key(a, r);
    if (!a.jws.signed_by(a.jwk))
        throw refusal(403, "unauthorized", "the signature does not verify");
    if (!spend_nonce(a.jws.text("nonce")))
        throw refusal(400, "badNonce", "the nonce is not good");
    if (a.jws.text("url") != request.url)
        throw refusal(403, "unauthorized", "the JWS is for another URL");
    a.get = a.jws.payload.empty();
    if (!a.get)
        a.payload = json::parse(a.jws.payload).as_object();
    return a;
}

https_response ca::model::route_signed(passage& p, authentic& a)
{
    const route& r = p.route;
    switch (r.step) {
    case step::new_account: return new_account(a);
    case step::new_order: return new_order(p, a);
    case step::key_change: return key_change(a, p.request.url);
    case step::revoke_cert: return revoke(a);
    case step::certificate: return certificate(p, a);
    default: break;
    }
    const std::string& own = a.account->url;
    if (r.step == step::account && r.resource == own && r.detail.empty())
        return account(a);
    if (const auto o = state.orders.find(r.resource); o != state.orders.end() && o->second.account == own) {
        if (r.step == step::finalize)
            return finalize(p, a, o->second);
        if (r.detail.empty())
            return order(p, o->second);
    }
    const auto z = state.authorizations.find(r.resource);
    if (z != state.authorizations.end() && z->second.account == own)
        return r.detail.empty() ? authorization(a, z->second) : challenge(p, a, z->second);
    throw refusal(404, "malformed", "no such resource");
}

https_response ca::model::directory() const
{
    json::object d;
    d["newNonce"] = endpoint("new-nonce");
    d["newAccount"] = endpoint("new-account");
    d["newOrder"] = endpoint("new-order");
    d["revokeCert"] = endpoint("revoke-cert");
    d["keyChange"] = endpoint("key-change");
    if (state.options.renewal_info)
        d["renewalInfo"] = endpoint("renewal-info");
    d["a-random-entry"] = "https://community.test/t/adding-random-entries-to-the-directory";
    json::object meta;
    meta["termsOfService"] = url("/terms");
    if (!state.options.external_accounts.empty())
        meta["externalAccountRequired"] = true;
    json::object profiles;
    for (const auto& [name, profile] : state.options.profiles)
        profiles[name] = profile.description;
    if (!profiles.empty())
        meta["profiles"] = profiles;
    d["meta"] = meta;
    return json_answer(200, d);
}

https_response ca::model::unfinished(https_response answer, bool yes) const
{
    if (yes && !state.options.retry_after.empty())
        answer.fields.emplace_back("retry-after", state.options.retry_after);
    return answer;
}

} // namespace acme::testing
