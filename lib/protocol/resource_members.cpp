#include "protocol/resource_members.hpp"

#include "protocol/problem.hpp"

namespace acme {

namespace json = boost::json;

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

} // namespace acme
