#include "protocol/problem.hpp"

#include "protocol/json_members.hpp"
#include "protocol/printable.hpp"

#include <algorithm>
#include <array>

namespace acme {
namespace {

namespace json = boost::json;

constexpr std::size_t max_text = 2048;
constexpr std::size_t max_subproblems = 100;
constexpr std::size_t max_algorithms = 32;
constexpr std::size_t max_excerpt = 200;

std::string text_of(const json::object& o, json::string_view name, std::size_t limit = max_text)
{
    const json::value* v = o.if_contains(name);
    const json::string* s = v ? v->if_string() : nullptr;
    return s ? printable(std::string_view(s->data(), s->size()), limit) : std::string();
}

const json::array* array_of(const json::object& o, json::string_view name)
{
    const json::value* v = o.if_contains(name);
    return v ? v->if_array() : nullptr;
}

std::optional<identifier> identifier_of(const json::object& o)
{
    const json::value* v = o.if_contains("identifier");
    if (!v || !v->is_object())
        return std::nullopt;
    const json::object& inner = v->get_object();
    return identifier(text_of(inner, "type", 64), text_of(inner, "value", 256));
}

/// Nested ones (they are not foreseen, and happen) are laid flat, one level of them.
void add_subproblems(std::vector<subproblem>& to, const json::object& o, bool nested)
{
    const json::array* entries = array_of(o, "subproblems");
    if (!entries)
        return;
    for (const json::value& v : *entries) {
        if (to.size() == max_subproblems)
            return;
        const json::object* entry = v.if_object();
        if (!entry)
            continue;
        subproblem s;
        s.type = text_of(*entry, "type", 256);
        s.detail = text_of(*entry, "detail");
        s.identifier = identifier_of(*entry);
        to.push_back(std::move(s));
        if (!nested)
            add_subproblems(to, *entry, true);
    }
}

unsigned status_of(const json::object& o)
{
    const json::value* v = o.if_contains("status");
    const std::int64_t* n = v ? v->if_int64() : nullptr;
    return n && *n >= 100 && *n <= 599 ? static_cast<unsigned>(*n) : 0;
}

/// Whether the body may be a problem document. RFC 8555 asks for application/problem+json; some CAs send plain JSON, or
/// no type.
bool may_be_problem(std::string_view content_type)
{
    const auto end = std::min(content_type.find_first_of("; \t"), content_type.size());
    std::string type(content_type.substr(0, end));
    std::transform(type.begin(), type.end(), type.begin(),
        [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
    return type.empty() || type == "application/json" || type.ends_with("+json");
}

/// A body that is no problem document: enough of it to recognize who speaks, with white space drawn together.
std::string excerpt(std::string_view body)
{
    // What is drawn together can't come from more than this.
    const std::string text = printable(body.substr(0, 4 * max_excerpt), 4 * max_excerpt);
    std::string out;
    for (char c : text)
        if (c != ' ' || (!out.empty() && out.back() != ' '))
            out += c;
    return printable(out, max_excerpt);
}

} // namespace

problem problem_of(const json::object& o)
{
    problem p;
    p.type = text_of(o, "type", 256);
    p.title = text_of(o, "title");
    p.detail = text_of(o, "detail");
    p.instance = text_of(o, "instance");
    p.status = status_of(o);
    add_subproblems(p.subproblems, o, false);
    if (const json::array* names = array_of(o, "algorithms"))
        for (const json::value& v : *names)
            if (v.is_string() && p.algorithms.size() < max_algorithms)
                p.algorithms.push_back(printable(std::string_view(v.get_string().data(), v.get_string().size()), 64));
    return p;
}

problem parse_problem(std::string_view body, std::string_view content_type, unsigned http_status)
{
    problem p;
    parsed<json::object> o = may_be_problem(content_type) ? parse_object(body) : parsed<json::object>::refused({});
    if (o)
        p = problem_of(*o);
    if (p.type.empty() && p.title.empty() && p.detail.empty())
        p.detail = excerpt(body);
    p.status = http_status;
    return p;
}

} // namespace acme
