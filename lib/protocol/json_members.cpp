#include "protocol/json_members.hpp"

#include "protocol/printable.hpp"
#include "protocol/timestamp.hpp"
#include "protocol/url.hpp"

#include <algorithm>

namespace acme {

namespace json = boost::json;

namespace {

bool is_word(std::string_view s, std::size_t limit) noexcept
{
    return !s.empty() && s.size() <= limit &&
        std::all_of(s.begin(), s.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

std::string_view kind_name(const json::value& v) noexcept
{
    switch (v.kind()) {
    case json::kind::null: return "null";
    case json::kind::bool_: return "a boolean";
    case json::kind::string: return "a string";
    case json::kind::array: return "an array";
    case json::kind::object: return "an object";
    default: return "a number";
    }
}

std::string_view view(const json::string* s) noexcept
{
    return s ? std::string_view(s->data(), s->size()) : std::string_view();
}

} // namespace

void json_members::refuse(std::string_view name, std::string_view problem)
{
    if (ok())
        why_ = what_ + "'s member \"" + std::string(name) + "\" " + std::string(problem);
}

const json::value* json_members::find(std::string_view name) const noexcept
{
    const json::value* v = object_.if_contains(json::string_view(name.data(), name.size()));
    return v && !v->is_null() ? v : nullptr;
}

const json::value* json_members::get(std::string_view name, presence p)
{
    const json::value* v = find(name);
    if (!v && p == presence::required)
        refuse(name, "is missing");
    return v;
}

const json::string* json_members::get_string(std::string_view name, presence p)
{
    const json::value* v = get(name, p);
    if (v && !v->is_string())
        refuse(name, "is " + std::string(kind_name(*v)) + ", not a string");
    return v ? v->if_string() : nullptr;
}

std::string json_members::text(std::string_view name, presence p, std::size_t limit)
{
    return printable(view(get_string(name, p)), limit);
}

std::string json_members::word(std::string_view name, presence p, std::size_t limit)
{
    const json::string* s = get_string(name, p);
    if (!s)
        return {};
    if (!is_word(view(s), limit))
        refuse(name, "is not a word of visible ASCII: \"" + printable(view(s), 80) + '"');
    return std::string(view(s));
}

std::string json_members::url(std::string_view name, presence p)
{
    const json::string* s = get_string(name, p);
    if (!s || (s->empty() && p == presence::optional))
        return {};
    if (!acceptable_url(view(s)))
        refuse(name, "is not an https URL that can be used: \"" + printable(view(s), 200) + '"');
    return std::string(view(s));
}

bool json_members::flag(std::string_view name)
{
    const json::value* v = find(name);
    if (v && !v->is_bool())
        refuse(name, "is " + std::string(kind_name(*v)) + ", not a boolean");
    return v && v->is_bool() && v->get_bool();
}

std::optional<std::chrono::system_clock::time_point> json_members::time(std::string_view name)
{
    const json::string* s = get_string(name, presence::optional);
    if (!s)
        return std::nullopt;
    auto t = parse_timestamp(view(s));
    if (!t)
        refuse(name, "is not an RFC 3339 time: \"" + printable(view(s), 80) + '"');
    return t;
}

const json::object* json_members::object(std::string_view name, presence p)
{
    const json::value* v = get(name, p);
    if (v && !v->is_object())
        refuse(name, "is " + std::string(kind_name(*v)) + ", not an object");
    return v ? v->if_object() : nullptr;
}

const json::array* json_members::list(std::string_view name, presence p, std::size_t limit)
{
    const json::value* v = get(name, p);
    if (!v)
        return nullptr;
    const json::array* a = v->if_array();
    if (!a) {
        refuse(name, "is " + std::string(kind_name(*v)) + ", not an array");
        return nullptr;
    }
    if (a->size() > limit) {
        refuse(name, "has " + std::to_string(a->size()) + " entries; " + std::to_string(limit) + " are the limit");
        return nullptr;
    }
    return a;
}

std::vector<std::string> json_members::texts(std::string_view name, std::size_t limit)
{
    std::vector<std::string> found;
    const json::array* a = list(name, presence::optional, limit);
    if (!a)
        return found;
    for (const json::value& v : *a) {
        if (!v.is_string())
            refuse(name, "has an entry that is " + std::string(kind_name(v)) + ", not a string");
        else
            found.push_back(printable(view(&v.get_string()), 2048));
    }
    return found;
}

} // namespace acme
