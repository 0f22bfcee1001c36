#include "crypto/base64.hpp"
#include "crypto/boringssl.hpp"
#include "crypto/jose.hpp"
#include "crypto/pem.hpp"
#include "protocol/timestamp.hpp"
#include "testing/model.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <charconv>

namespace acme::testing {

namespace json = boost::json;

namespace {

constexpr auto ages = std::chrono::hours(24 * 365);

std::string der_of(const std::string& pem)
{
    return parse_pem(pem, 1).value().front().der;
}

void bend(leaf_contents& leaf, fault::flaw flaw, const std::vector<std::string>& names, time_point now)
{
    if (flaw == fault::flaw::names)
        leaf.names = names;
    if (flaw == fault::flaw::expired) {
        leaf.not_before = now - ages;
        leaf.not_after = now - std::chrono::hours(24);
    }
    if (flaw == fault::flaw::not_yet_valid) {
        leaf.not_before = now + std::chrono::hours(48);
        leaf.not_after = now + ages;
    }
}

std::string jwk_of(const std::string& public_key)
{
    CBS cbs = to_cbs(public_key);
    const bssl::UniquePtr<EVP_PKEY> key(EVP_parse_public_key(&cbs));
    return key ? jwk(*key) : std::string();
}

std::size_t chain_number(const std::string& text)
{
    std::size_t n = 0;
    std::from_chars(text.data(), text.data() + text.size(), n);
    return n;
}

} // namespace

leaf_contents ca::model::contents_for(const order_record& o) const
{
    const ca_options& options = state.options;
    leaf_contents leaf;
    for (const identifier& id : o.identifiers)
        leaf.names.push_back(id.value);
    const auto profile = options.profiles.find(o.profile);
    const bool own = profile != options.profiles.end() && profile->second.lifetime.count() > 0;
    leaf.not_before = now() - options.backdated;
    leaf.not_after = now() + (own ? profile->second.lifetime : options.lifetime);
    leaf.serial = random_serial();
    return leaf;
}

void ca::model::issue(order_record& o)
{
    leaf_contents leaf = contents_for(o);
    bend(leaf, o.flaw, o.wrong_names, now());
    if (state.options.on_issue)
        state.options.on_issue(leaf);
    certificate_record c;
    c.url = fresh_url("/cert/");
    c.account = o.account;
    c.order = o.url;
    c.names = leaf.names;
    c.not_before = leaf.not_before;
    c.not_after = leaf.not_after;
    c.public_key = o.flaw == fault::flaw::key ? public_key_of(*key::generate().native_handle()) : o.public_key;
    c.leaf_pem = issuer.issue(leaf, c.public_key);
    c.leaf_der = der_of(c.leaf_pem);
    c.renewal_id = issuer.renewal_id(leaf.serial);
    certificate_by_der_[c.leaf_der] = c.url;
    certificate_by_renewal_id_[c.renewal_id] = c.url;
    o.certificate = c.url;
    o.status = "valid";
    state.certificates.emplace(c.url, std::move(c));
}

std::string ca::model::chain(
    const certificate_record& c, std::size_t n, fault::flaw flaw, const std::vector<std::string>& names)
{
    const std::string& intermediate = issuer.intermediate_pem(n);
    if (flaw == fault::flaw::none)
        return c.leaf_pem + intermediate;
    if (flaw == fault::flaw::unordered)
        return intermediate + c.leaf_pem;
    leaf_contents leaf;
    leaf.names = c.names;
    leaf.not_before = c.not_before;
    leaf.not_after = c.not_after;
    leaf.serial = random_serial();
    bend(leaf, flaw, names, now());
    const key other = flaw == fault::flaw::key ? key::generate() : key();
    return issuer.issue(leaf, other ? public_key_of(*other.native_handle()) : c.public_key) + intermediate;
}

https_response ca::model::certificate(const passage& p, const authentic& a)
{
    const auto found = state.certificates.find(p.route.resource);
    const std::size_t n = p.route.detail.empty() ? 0 : chain_number(p.route.detail);
    if (found == state.certificates.end() || found->second.account != a.account->url || n >= issuer.chains())
        throw refusal(404, "malformed", "no such certificate");
    const certificate_record& c = found->second;
    const auto order = state.orders.find(c.order);
    fault::flaw flaw = order == state.orders.end() ? fault::flaw::none : order->second.flaw;
    // What is wrong with the leaf itself was done when it was issued.
    flaw = flaw == fault::flaw::unordered ? flaw : fault::flaw::none;
    std::vector<std::string> names;
    if (p.fault && p.fault->what() == fault::kind::wrong_certificate) {
        flaw = fault_reader(*p.fault).flaw();
        names = fault_reader(*p.fault).names();
    }
    https_response out = empty_answer(200);
    out.fields.emplace_back("content-type", "application/pem-certificate-chain");
    for (std::size_t other = 0; other < issuer.chains(); ++other)
        if (other != n)
            out.fields.emplace_back("link", "<" + c.url + "/" + std::to_string(other) + ">;rel=\"alternate\"");
    out.body = chain(c, n, flaw, names);
    return out;
}

https_response ca::model::revoke(authentic& a)
{
    const auto& text = a.payload.at("certificate").as_string();
    const std::string der = base64url_decode(std::string_view(text.data(), text.size())).value_or("");
    const auto known = certificate_by_der_.find(der);
    if (known == certificate_by_der_.end() || !state.certificates.contains(known->second))
        throw refusal(404, "malformed", "no such certificate");
    certificate_record& c = state.certificates.at(known->second);
    const auto* reason = a.payload.if_contains("reason");
    const int number = reason == nullptr ? 0 : reason->to_number<int>();
    const bool own = a.account != nullptr ? c.account == a.account->url : canonical(a.jwk) == jwk_of(c.public_key);
    if (!own)
        throw refusal(403, "unauthorized", "not the certificate of this account or key");
    if (number != 0 && number != 1 && number != 3 && number != 4 && number != 5)
        throw refusal(400, "badRevocationReason", "no such reason");
    if (c.revoked)
        throw refusal(400, "alreadyRevoked", "it is revoked already");
    c.revoked = number;
    return empty_answer(200);
}

// RFC 9773 section 4.2.
renewal_window ca::model::window_of(const certificate_record& c) const
{
    if (c.revoked)
        return renewal_window(now() - std::chrono::hours(1), now() - std::chrono::minutes(59));
    if (c.window)
        return *c.window;
    if (state.options.window)
        return state.options.window(c);
    const auto middle = c.not_before + (c.not_after - c.not_before) / 3 * 2;
    const auto half = std::min<time_point::duration>(std::chrono::hours(24), (c.not_after - c.not_before) / 12);
    return renewal_window(middle - half, middle + half);
}

https_response ca::model::renewal_info(const route& r)
{
    const auto known = certificate_by_renewal_id_.find(r.detail);
    if (!state.options.renewal_info || known == certificate_by_renewal_id_.end() ||
        !state.certificates.contains(known->second))
        return problem_answer(404, "malformed", "no such certificate");
    const renewal_window w = window_of(state.certificates.at(known->second));
    json::object window;
    window["start"] = format_timestamp(w.start);
    window["end"] = format_timestamp(w.end);
    json::object body;
    body["suggestedWindow"] = window;
    if (!w.explanation_url.empty())
        body["explanationURL"] = w.explanation_url;
    https_response out = json_answer(200, body);
    if (!state.options.renewal_retry_after.empty())
        out.fields.emplace_back("retry-after", state.options.renewal_retry_after);
    return out;
}

} // namespace acme::testing
