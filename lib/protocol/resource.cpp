#include "protocol/resource.hpp"

#include "protocol/json_members.hpp"
#include "protocol/printable.hpp"
#include "protocol/problem.hpp"
#include "protocol/url.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace acme {
namespace {

namespace json = boost::json;

constexpr std::size_t max_identifiers = 200;
constexpr std::size_t max_authorizations = 200;
constexpr std::size_t max_challenges = 64;
constexpr std::size_t max_names = 100;

template <class Status>
using status_name = std::pair<std::string_view, Status>;

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

constexpr std::array<status_name<authorization_status>, 6> authorization_statuses{{
    {"pending", authorization_status::pending},
    {"valid", authorization_status::valid},
    {"invalid", authorization_status::invalid},
    {"deactivated", authorization_status::deactivated},
    {"expired", authorization_status::expired},
    {"revoked", authorization_status::revoked},
}};

constexpr std::array<status_name<challenge_status>, 4> challenge_statuses{{
    {"pending", challenge_status::pending},
    {"processing", challenge_status::processing},
    {"valid", challenge_status::valid},
    {"invalid", challenge_status::invalid},
}};

template <class Table, class Status>
std::string_view name_in(const Table& table, Status s) noexcept
{
    for (const auto& [name, status] : table)
        if (status == s)
            return name;
    return "?";
}

template <class Table>
auto read_status(json_members& in, const Table& table)
{
    const std::string name = in.text("status", presence::required, 80);
    for (const auto& [known, status] : table)
        if (known == name)
            return status;
    in.refuse("status", "is not one that RFC 8555 knows: \"" + name + '"');
    return table[0].second;
}

template <class T>
parsed<T> outcome(const json_members& in, T value)
{
    if (in.ok())
        return value;
    return parsed<T>::refused(in.why());
}

identifier read_identifier(json_members& owner, const json::object& o)
{
    json_members in(o, "an identifier");
    identifier id(in.word("type", presence::required, 32), in.word("value", presence::required, 256));
    if (!in.ok())
        owner.refuse("identifier", "is wrong: " + in.why());
    return id;
}

std::optional<problem> read_error(json_members& in)
{
    const json::object* o = in.object("error", presence::optional);
    if (!o)
        return std::nullopt;
    return problem_of(*o);
}

bool is_token(std::string_view s) noexcept
{
    return s.size() >= 22 && s.size() <= 256 && std::all_of(s.begin(), s.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

/// Only what looks like a token counts as one: it ends up in paths and certificates. Draft challenge types have none at
/// all.
std::string read_token(const json::object& o)
{
    const json::value* v = o.if_contains("token");
    const json::string* s = v ? v->if_string() : nullptr;
    if (!s || !is_token(std::string_view(s->data(), s->size())))
        return {};
    return std::string(s->data(), s->size());
}

parsed<challenge> read_challenge(const json::object& o)
{
    json_members in(o, "a challenge");
    challenge c;
    c.type = in.word("type", presence::required, 64);
    c.url = in.url("url", presence::required);
    c.status = read_status(in, challenge_statuses);
    c.token = read_token(o);
    c.error = read_error(in);
    return outcome(in, std::move(c));
}

bool is_known_type(const json::object& o)
{
    const json::value* v = o.if_contains("type");
    const json::string* s = v ? v->if_string() : nullptr;
    return !s || *s == "http-01" || *s == "dns-01" || *s == "tls-alpn-01";
}

std::vector<challenge> read_challenges(json_members& in, presence p)
{
    std::vector<challenge> found;
    const json::array* entries = in.list("challenges", p, max_challenges);
    if (!entries)
        return found;
    for (const json::value& v : *entries) {
        const json::object* o = v.if_object();
        if (!o) {
            in.refuse("challenges", "has an entry that is not an object");
            break;
        }
        auto c = read_challenge(*o);
        if (c)
            found.push_back(std::move(*c));
        else if (is_known_type(*o))
            in.refuse("challenges", "has a bad entry: " + c.why);
    }
    return found;
}

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

parsed<authorization> parse_authorization(std::string_view body)
{
    const auto o = parse_object(body);
    if (!o)
        return parsed<authorization>::refused(o.why);
    json_members in(*o, "the authorization");
    authorization a;
    if (const json::object* id = in.object("identifier", presence::required))
        a.identifier = read_identifier(in, *id);
    a.status = read_status(in, authorization_statuses);
    a.expires = in.time("expires");
    a.wildcard = in.flag("wildcard");
    const bool to_be_answered = a.status == authorization_status::pending;
    a.challenges = read_challenges(in, to_be_answered ? presence::required : presence::optional);
    return outcome(in, std::move(a));
}

parsed<challenge> parse_challenge(std::string_view body)
{
    const auto o = parse_object(body);
    if (!o)
        return parsed<challenge>::refused(o.why);
    return read_challenge(*o);
}

std::string_view to_string(order_status s) noexcept
{
    return name_in(order_statuses, s);
}

std::string_view to_string(authorization_status s) noexcept
{
    return name_in(authorization_statuses, s);
}

std::string_view to_string(challenge_status s) noexcept
{
    return name_in(challenge_statuses, s);
}

std::string_view to_string(account_status s) noexcept
{
    return name_in(account_statuses, s);
}

} // namespace acme
