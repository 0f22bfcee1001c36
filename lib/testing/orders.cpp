#include "crypto/base64.hpp"
#include "crypto/ip_address.hpp"
#include "crypto/jose.hpp"
#include "protocol/timestamp.hpp"
#include "testing/csr.hpp"
#include "testing/model.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <limits>

namespace acme::testing {

namespace json = boost::json;

namespace {

constexpr std::size_t max_identifiers = 100;
constexpr unsigned for_good = std::numeric_limits<unsigned>::max();

json::object show(const identifier& id)
{
    json::object o;
    o["type"] = id.type;
    o["value"] = id.value;
    return o;
}

bool is_domain_name(std::string_view name)
{
    if (name.starts_with("*."))
        name.remove_prefix(2);
    const auto good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    };
    return !name.empty() && name.size() <= 253 && std::all_of(name.begin(), name.end(), good) &&
        name.find("..") == std::string_view::npos && name.front() != '.' && name.back() != '.';
}

void check(const identifier& id)
{
    if (id.type != "dns" && id.type != "ip")
        throw refusal(400, "unsupportedIdentifier", "identifiers are of type dns or ip");
    if (id.type == "dns" ? !is_domain_name(id.value) || ip_octets(id.value) : !ip_octets(id.value))
        throw refusal(400, "rejectedIdentifier", "no such name can be certified");
}

bool share_a_name(const order_record& o, const certificate_record& c)
{
    return std::any_of(o.identifiers.begin(), o.identifiers.end(),
        [&](const identifier& id) { return std::find(c.names.begin(), c.names.end(), id.value) != c.names.end(); });
}

} // namespace

void ca::model::read_identifiers(const authentic& a, order_record& o) const
{
    for (const auto& value : a.payload.at("identifiers").as_array()) {
        const auto& id = value.as_object();
        o.identifiers.emplace_back(std::string(id.at("type").as_string()), std::string(id.at("value").as_string()));
        check(o.identifiers.back());
    }
    std::sort(o.identifiers.begin(), o.identifiers.end());
    const bool repeated = std::adjacent_find(o.identifiers.begin(), o.identifiers.end()) != o.identifiers.end();
    if (o.identifiers.empty() || o.identifiers.size() > max_identifiers || repeated)
        throw refusal(400, "malformed", "an order is for 1 to 100 different names");
}

void ca::model::read_profile(const authentic& a, order_record& o) const
{
    const auto* wanted = a.payload.if_contains("profile");
    if (wanted == nullptr)
        return;
    o.profile = std::string(wanted->as_string());
    if (!state.options.profiles.contains(o.profile))
        throw refusal(400, "invalidProfile", "no such profile");
}

// RFC 9773 section 5.
void ca::model::check_replaces(const authentic& a, order_record& o)
{
    const auto* wanted = a.payload.if_contains("replaces");
    if (wanted == nullptr)
        return;
    o.replaces = std::string(wanted->as_string());
    const auto known = certificate_by_renewal_id_.find(o.replaces);
    if (known == certificate_by_renewal_id_.end() || !state.certificates.contains(known->second))
        throw refusal(404, "malformed", "no such certificate to replace");
    certificate_record& old = state.certificates.at(known->second);
    if (old.account != o.account)
        throw refusal(403, "unauthorized", "the certificate to replace is another account's");
    if (!share_a_name(o, old))
        throw refusal(400, "malformed", "the certificate to replace has no name of this order");
    const auto other = state.orders.find(old.replaced_by);
    if (other != state.orders.end() && other->second.status != "invalid")
        throw refusal(409, "alreadyReplaced", "another order replaces this certificate");
    old.replaced_by = o.url;
}

https_response ca::model::new_order(passage& p, authentic& a)
{
    order_record o;
    o.account = a.account->url;
    o.url = fresh_url("/order/");
    read_identifiers(a, o);
    read_profile(a, o);
    check_replaces(a, o);
    o.expires = now() + state.options.order_lifetime;
    for (const identifier& id : o.identifiers)
        o.authorizations.push_back(authorize(id, o.account));
    // CAs are free to order these as they like, and Pebble shuffles them.
    std::reverse(o.authorizations.begin(), o.authorizations.end());
    const std::string order_url = o.url;
    order_record& kept = state.orders.emplace(order_url, std::move(o)).first->second;
    https_response out = order(p, kept);
    out.status = 201;
    out.fields.emplace_back("location", order_url);
    return out;
}

void ca::model::settle(order_record& o)
{
    if (o.status == "processing") {
        if (o.polls_left == 0)
            issue(o);
        else if (o.polls_left != for_good)
            --o.polls_left;
    }
    if ((o.status == "pending" || o.status == "ready") && now() >= o.expires) {
        o.status = "invalid";
        o.error_type = "malformed";
        o.error = "the order has expired";
    }
    if (o.status != "pending")
        return;
    const auto all = [&](auto condition) {
        return std::all_of(o.authorizations.begin(), o.authorizations.end(), [&](const std::string& u) {
            const auto z = state.authorizations.find(u);
            return z != state.authorizations.end() && condition(z->second.status);
        });
    };
    if (all([](const std::string& status) { return status == "valid"; })) {
        o.status = "ready";
    } else if (!all([](const std::string& status) { return status == "valid" || status == "pending"; })) {
        o.status = "invalid";
        o.error_type = "unauthorized";
        o.error = "an authorization is not valid";
    }
}

// What the fault of this request does to its order.
void ca::model::befall(const passage& p, order_record& o) const
{
    if (!p.fault)
        return;
    const fault_reader f(*p.fault);
    if (p.fault->what() == fault::kind::stuck_processing) {
        o.polls_left = for_good;
        if (o.status != "pending")
            o.status = "processing";
    } else if (p.fault->what() == fault::kind::order_invalid) {
        o.status = "invalid";
        o.error_type = f.type();
        o.error = f.text();
    } else if (p.fault->what() == fault::kind::wrong_certificate) {
        o.flaw = f.flaw();
        o.wrong_names = f.names();
    }
}

https_response ca::model::order(passage& p, order_record& o)
{
    settle(o);
    befall(p, o);
    return unfinished(json_answer(200, show(o)), o.status == "processing");
}

json::object ca::model::show(const order_record& o) const
{
    json::object body;
    body["status"] = o.status;
    body["expires"] = format_timestamp(o.expires);
    json::array identifiers;
    for (const identifier& id : o.identifiers)
        identifiers.push_back(testing::show(id));
    body["identifiers"] = identifiers;
    json::array urls;
    for (const std::string& u : o.authorizations)
        urls.push_back(json::string(u));
    body["authorizations"] = urls;
    body["finalize"] = o.url + "/finalize";
    if (!o.profile.empty())
        body["profile"] = o.profile;
    if (!o.replaces.empty())
        body["replaces"] = o.replaces;
    if (!o.certificate.empty())
        body["certificate"] = o.certificate;
    if (o.status == "invalid")
        body["error"] = problem_document(403, o.error_type.empty() ? "unauthorized" : o.error_type, o.error);
    return body;
}

https_response ca::model::finalize(passage& p, authentic& a, order_record& o)
{
    settle(o);
    if (o.status != "ready")
        throw refusal(403, "orderNotReady", "the order is " + o.status);
    const auto& text = a.payload.at("csr").as_string();
    const auto der = base64url_decode(std::string_view(text.data(), text.size()));
    if (!der)
        throw refusal(400, "badCSR", "the CSR is not base64url");
    read_csr csr(*der);
    std::sort(csr.identifiers.begin(), csr.identifiers.end());
    if (csr.identifiers != o.identifiers)
        throw refusal(400, "badCSR", "the CSR's names are not the order's");
    if (jwk(*csr.public_key) == a.account->jwk)
        throw refusal(400, "badCSR", "the CSR has the account's key");
    o.public_key = public_key_of(*csr.public_key);
    o.status = "processing";
    if (o.polls_left != for_good)
        o.polls_left = state.options.issuance_polls;
    befall(p, o);
    // The answer to this request is the first look at it.
    if (o.status == "processing" && o.polls_left == 0)
        issue(o);
    else if (o.polls_left != for_good && o.polls_left > 0)
        --o.polls_left;
    return unfinished(json_answer(200, show(o)), o.status == "processing");
}

} // namespace acme::testing
