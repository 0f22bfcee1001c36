#include "protocol/challenge_token.hpp"
#include "protocol/resource.hpp"
#include "protocol/resource_members.hpp"

#include <array>

namespace acme {
namespace {

namespace json = boost::json;

constexpr std::size_t max_challenges = 64;

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

// Only what looks like a token counts as one: it ends up in paths. Some challenge types have none at all.
std::string read_token(const json::object& o)
{
    const json::value* v = o.if_contains("token");
    const json::string* s = v ? v->if_string() : nullptr;
    if (!s || !is_challenge_token(std::string_view(s->data(), s->size())))
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

} // namespace

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

std::string_view to_string(authorization_status s) noexcept
{
    return name_in(authorization_statuses, s);
}

std::string_view to_string(challenge_status s) noexcept
{
    return name_in(challenge_statuses, s);
}

} // namespace acme
