#include "protocol/resource.hpp"

#include "protocol/printable.hpp"
#include "protocol/resource_members.hpp"
#include "protocol/url.hpp"

#include <array>
#include <set>

namespace acme {
namespace {

namespace json = boost::json;

constexpr std::size_t max_identifiers = 200;
constexpr std::size_t max_authorizations = 200;
constexpr std::size_t max_names = 100;

constexpr std::array<status_name<account_status>, 3> account_statuses{{
    {"valid", account_status::valid},
    {"deactivated", account_status::deactivated},
    {"revoked", account_status::revoked},
}};

constexpr std::array<status_name<order_status>, 5> order_statuses{{
    {"pending", order_status::pending},
    {"ready", order_status::ready},
    {"processing", order_status::processing},
    {"valid", order_status::valid},
    {"invalid", order_status::invalid},
}};

std::vector<identifier> read_identifiers(json_members& in)
{
    std::vector<identifier> found;
    const json::array* entries = in.list("identifiers", presence::required, max_identifiers);
    if (!entries)
        return found;
    if (entries->empty())
        in.refuse("identifiers", "is empty");
    for (const json::value& v : *entries) {
        const json::object* o = v.if_object();
        if (o)
            found.push_back(read_identifier(in, *o));
        else
            in.refuse("identifiers", "has an entry that is not an object");
    }
    return found;
}

std::vector<std::string> read_authorization_urls(json_members& in)
{
    std::vector<std::string> found;
    const json::array* entries = in.list("authorizations", presence::optional, max_authorizations);
    if (!entries)
        return found;
    std::set<std::string_view> seen;
    for (const json::value& v : *entries) {
        const json::string* s = v.if_string();
        const std::string_view url = s ? std::string_view(s->data(), s->size()) : std::string_view();
        if (!acceptable_url(url))
            in.refuse("authorizations", "has an entry that is not an https URL: \"" + printable(url, 200) + '"');
        else if (!seen.insert(url).second)
            in.refuse("authorizations", "has the same URL twice: \"" + printable(url, 200) + '"');
        found.emplace_back(url);
    }
    return found;
}

std::map<std::string, std::string> read_profiles(json_members& in)
{
    std::map<std::string, std::string> found;
    const json::object* profiles = in.object("profiles", presence::optional);
    if (!profiles)
        return found;
    if (profiles->size() > max_names)
        in.refuse("profiles", "has more than 100 entries");
    for (const auto& member : *profiles) {
        const json::string* s = member.value().if_string();
        const auto key = member.key();
        if (found.size() < max_names)
            found.emplace(printable(std::string_view(key.data(), key.size()), 256),
                s ? printable(std::string_view(s->data(), s->size()), 2048) : std::string());
    }
    return found;
}

void read_meta(json_members& directory_members, directory& d)
{
    const json::object* meta = directory_members.object("meta", presence::optional);
    if (!meta)
        return;
    json_members in(*meta, "the directory's meta");
    // Not always https: for people to follow, no request is sent there.
    d.terms_of_service = in.text("termsOfService", presence::optional);
    d.website = in.text("website", presence::optional);
    d.caa_identities = in.texts("caaIdentities", max_names);
    d.external_account_required = in.flag("externalAccountRequired");
    d.profiles = read_profiles(in);
    if (!in.ok())
        directory_members.refuse("meta", "is wrong: " + in.why());
}

} // namespace

parsed<directory> parse_directory(std::string_view body)
{
    const auto o = parse_object(body);
    if (!o)
        return parsed<directory>::refused(o.why);
    json_members in(*o, "the directory");
    directory d;
    d.new_nonce = in.url("newNonce", presence::required);
    d.new_account = in.url("newAccount", presence::required);
    d.new_order = in.url("newOrder", presence::required);
    d.revoke_cert = in.url("revokeCert", presence::optional);
    d.key_change = in.url("keyChange", presence::optional);
    d.renewal_info = in.url("renewalInfo", presence::optional);
    read_meta(in, d);
    return outcome(in, std::move(d));
}

parsed<account> parse_account(std::string_view body)
{
    const auto o = parse_object(body);
    if (!o)
        return parsed<account>::refused(o.why);
    json_members in(*o, "the account");
    account a;
    a.status = read_status(in, account_statuses);
    a.contact = in.texts("contact", max_names);
    a.terms_of_service_agreed = in.flag("termsOfServiceAgreed");
    a.orders = in.url("orders", presence::optional);
    return outcome(in, std::move(a));
}

parsed<order> parse_order(std::string_view body)
{
    const auto o = parse_object(body);
    if (!o)
        return parsed<order>::refused(o.why);
    json_members in(*o, "the order");
    order result;
    result.status = read_status(in, order_statuses);
    result.expires = in.time("expires");
    result.identifiers = read_identifiers(in);
    result.authorizations = read_authorization_urls(in);
    const bool to_be_finalized = result.status == order_status::pending || result.status == order_status::ready;
    result.finalize = in.url("finalize", to_be_finalized ? presence::required : presence::optional);
    result.certificate = in.url("certificate", presence::optional);
    result.error = read_error(in);
    result.profile = in.text("profile", presence::optional, 256);
    result.replaces = in.text("replaces", presence::optional, 256);
    return outcome(in, std::move(result));
}

std::string_view to_string(order_status s) noexcept
{
    return name_in(order_statuses, s);
}

std::string_view to_string(account_status s) noexcept
{
    return name_in(account_statuses, s);
}

parsed<renewal_info> parse_renewal_info(std::string_view body)
{
    const auto o = parse_object(body);
    if (!o)
        return parsed<renewal_info>::refused(o.why);
    json_members in(*o, "the renewal information");
    renewal_info r;
    r.explanation_url = in.text("explanationURL", presence::optional);
    const auto* suggested = in.object("suggestedWindow", presence::required);
    if (!suggested)
        return outcome(in, std::move(r));
    json_members window(*suggested, "the suggested window");
    const auto start = window.time("start");
    const auto end = window.time("end");
    if (!window.ok())
        in.refuse("suggestedWindow", "is wrong: " + window.why());
    else if (!start || !end || *end <= *start)
        in.refuse("suggestedWindow", "is no span of time");
    r.start = start.value_or(time_point());
    r.end = end.value_or(time_point());
    return outcome(in, std::move(r));
}

} // namespace acme
