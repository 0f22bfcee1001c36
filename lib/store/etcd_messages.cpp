#include "store/etcd_messages.hpp"

#include "crypto/base64.hpp"
#include "protocol/json_members.hpp"
#include "protocol/printable.hpp"

#include <boost/json/array.hpp>

#include <charconv>
#include <limits>
#include <utility>

namespace acme {

namespace json = boost::json;

namespace {

constexpr std::size_t max_members = 500'000;
constexpr std::size_t max_text = 256;
constexpr std::int64_t max_revision = std::int64_t{1} << 62;

json::string to_json(std::string_view text)
{
    return json::string(text.data(), text.size());
}

json::string base64(std::string_view octets)
{
    return to_json(base64_encode(octets));
}

json::string number(std::int64_t n)
{
    return to_json(std::to_string(n));
}

json::string_view name_of(std::string_view name)
{
    return {name.data(), name.size()};
}

json::object ordered_by_creation(std::string_view prefix, const char* order)
{
    json::object o;
    o["key"] = base64(prefix);
    o["range_end"] = base64(etcd_range_end(prefix));
    o["limit"] = "1";
    o["sort_target"] = "CREATE";
    o["sort_order"] = order;
    o["keys_only"] = true;
    return o;
}

json::object comparison(std::string_view key, const char* target, const char* result)
{
    json::object o;
    o["key"] = base64(key);
    o["target"] = target;
    o["result"] = result;
    return o;
}

json::object operation(std::string_view kind, json::object request)
{
    json::object o;
    o[name_of(kind)] = std::move(request);
    return o;
}

// Reads members, absent ones as zero, and remembers whether one was of a wrong type.
class reader
{
public:
    explicit reader(bool& ok)
        : ok_(ok)
    {}

    std::int64_t number(const json::object& o, json::string_view name) const
    {
        const json::value* v = o.if_contains(name);
        if (!v || v->is_null())
            return 0;
        if (const auto* n = v->if_int64())
            return *n;
        std::int64_t n = 0;
        const json::string* s = v->if_string();
        const auto [end, ec] =
            s ? std::from_chars(s->data(), s->data() + s->size(), n) : std::from_chars_result{nullptr, std::errc()};
        ok_ = ok_ && s && ec == std::errc() && end == s->data() + s->size();
        return n;
    }

    // One more can be counted to it.
    std::int64_t revision(const json::object& o, json::string_view name) const
    {
        const std::int64_t n = number(o, name);
        ok_ = ok_ && n >= 0 && n <= max_revision;
        return n;
    }

    bool flag(const json::object& o, json::string_view name) const
    {
        const json::value* v = o.if_contains(name);
        if (!v || v->is_null())
            return false;
        ok_ = ok_ && v->is_bool();
        return v->is_bool() && v->get_bool();
    }

    std::string text(const json::object& o, json::string_view name) const
    {
        const json::value* v = o.if_contains(name);
        if (!v || v->is_null())
            return {};
        ok_ = ok_ && v->is_string();
        return v->is_string() ? std::string(v->get_string()) : std::string();
    }

    std::string octets(const json::object& o, json::string_view name) const
    {
        auto decoded = base64_decode_lenient(text(o, name));
        ok_ = ok_ && decoded;
        return decoded ? std::move(*decoded) : std::string();
    }

    const json::object& object(const json::object& o, json::string_view name) const
    {
        static const json::object none;
        const json::value* v = o.if_contains(name);
        if (!v || v->is_null())
            return none;
        ok_ = ok_ && v->is_object();
        return v->is_object() ? v->get_object() : none;
    }

    template <class Each>
    void list(const json::object& o, json::string_view name, Each each) const
    {
        const json::value* v = o.if_contains(name);
        if (!v || v->is_null())
            return;
        ok_ = ok_ && v->is_array();
        if (!v->is_array())
            return;
        for (const json::value& element : v->get_array()) {
            ok_ = ok_ && element.is_object();
            if (element.is_object())
                each(element.get_object());
        }
    }

private:
    bool& ok_;
};

etcd_key_value read_key_value(const reader& r, const json::object& o)
{
    etcd_key_value kv;
    kv.key = r.octets(o, "key");
    kv.value = r.octets(o, "value");
    kv.create_revision = r.revision(o, "create_revision");
    kv.mod_revision = r.revision(o, "mod_revision");
    return kv;
}

etcd_range read_range(const reader& r, const json::object& o)
{
    etcd_range range;
    range.more = r.flag(o, "more");
    r.list(o, "kvs", [&](const json::object& each) { range.all.push_back(read_key_value(r, each)); });
    return range;
}

etcd_answer read_answer(const reader& r, const json::object& o)
{
    etcd_answer a;
    a.revision = r.revision(r.object(o, "header"), "revision");
    a.range = read_range(r, o);
    a.succeeded = r.flag(o, "succeeded");
    r.list(o, "responses",
        [&](const json::object& each) { a.responses.push_back(read_range(r, r.object(each, "response_range"))); });
    a.lease = r.number(o, "ID");
    a.ttl = r.number(o, "TTL");
    a.token = r.text(o, "token");
    return a;
}

etcd_watch_message read_watch(const reader& r, const json::object& o)
{
    etcd_watch_message m;
    m.revision = r.revision(r.object(o, "header"), "revision");
    m.created = r.flag(o, "created");
    m.cancelled = r.flag(o, "canceled");
    m.compact_revision = r.revision(o, "compact_revision");
    m.reason = printable(r.text(o, "cancel_reason"), max_text);
    m.fragment = r.flag(o, "fragment");
    r.list(o, "events", [&](const json::object& each) {
        etcd_event e;
        e.erased = r.text(each, "type") == "DELETE";
        e.object = read_key_value(r, r.object(each, "kv"));
        m.events.push_back(std::move(e));
    });
    return m;
}

} // namespace

std::string etcd_range_end(std::string_view prefix)
{
    std::string end(prefix);
    while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xFF)
        end.pop_back();
    if (end.empty())
        return std::string(1, '\0');
    end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
    return end;
}

json::object etcd_get(std::string_view key)
{
    json::object o;
    o["key"] = base64(key);
    return o;
}

json::object etcd_list(std::string_view first, std::string_view end, std::size_t limit)
{
    json::object o;
    o["key"] = base64(first);
    o["range_end"] = base64(end);
    o["limit"] = number(static_cast<std::int64_t>(limit));
    o["keys_only"] = true;
    return o;
}

json::object etcd_first_created(std::string_view prefix)
{
    return ordered_by_creation(prefix, "ASCEND");
}

json::object etcd_last_created(std::string_view prefix, std::int64_t revision)
{
    json::object o = ordered_by_creation(prefix, "DESCEND");
    o["max_create_revision"] = number(revision);
    return o;
}

json::object etcd_put(std::string_view key, std::string_view value, std::int64_t lease)
{
    json::object o;
    o["key"] = base64(key);
    o["value"] = base64(value);
    if (lease != 0)
        o["lease"] = number(lease);
    return o;
}

json::object etcd_delete(std::string_view key)
{
    return etcd_get(key);
}

json::object etcd_created_at(std::string_view key, std::int64_t revision)
{
    json::object o = comparison(key, "CREATE", "EQUAL");
    o["create_revision"] = number(revision);
    return o;
}

json::object etcd_changed_at(std::string_view key, std::int64_t revision)
{
    json::object o = comparison(key, "MOD", "EQUAL");
    o["mod_revision"] = number(revision);
    return o;
}

json::object etcd_unchanged_since(std::string_view key, std::int64_t revision)
{
    constexpr auto last = std::numeric_limits<std::int64_t>::max();
    json::object o = comparison(key, "MOD", "LESS");
    o["mod_revision"] = number(revision < last ? revision + 1 : last);
    return o;
}

etcd_transaction::etcd_transaction()
{
    message["compare"] = json::array();
    message["success"] = json::array();
    message["failure"] = json::array();
}

etcd_transaction& etcd_transaction::when(json::object comparison)
{
    message["compare"].get_array().push_back(std::move(comparison));
    return *this;
}

etcd_transaction& etcd_transaction::then(std::string_view kind, json::object request)
{
    message["success"].get_array().push_back(operation(kind, std::move(request)));
    return *this;
}

etcd_transaction& etcd_transaction::otherwise(std::string_view kind, json::object request)
{
    message["failure"].get_array().push_back(operation(kind, std::move(request)));
    return *this;
}

json::object etcd_watch(std::string_view prefix, std::int64_t from)
{
    json::object create;
    create["key"] = base64(prefix);
    create["range_end"] = base64(etcd_range_end(prefix));
    if (from > 0)
        create["start_revision"] = number(from);
    create["progress_notify"] = true;
    create["fragment"] = true;
    json::object o;
    o["create_request"] = std::move(create);
    return o;
}

json::object etcd_lease_request(std::chrono::seconds duration)
{
    json::object o;
    o["TTL"] = number(duration.count());
    return o;
}

json::object etcd_lease_id(std::int64_t id)
{
    json::object o;
    o["ID"] = number(id);
    return o;
}

parsed<etcd_answer> parse_etcd_answer(std::string_view text)
{
    // A streamed answer has a line break at its end.
    while (text.ends_with('\n'))
        text.remove_suffix(1);
    const auto whole = parse_object(text, max_etcd_answer, max_members);
    if (!whole)
        return parsed<etcd_answer>::refused(whole.why);
    bool ok = true;
    const reader r(ok);
    auto answer = read_answer(r, whole->contains("result") ? r.object(*whole, "result") : *whole);
    if (!ok || (answer.revision == 0 && answer.token.empty() && answer.ttl == 0))
        return parsed<etcd_answer>::refused("the JSON is not an answer of etcd's");
    return answer;
}

parsed<etcd_watch_message> parse_etcd_watch(std::string_view line)
{
    const auto whole = parse_object(line, max_etcd_message, max_members);
    if (!whole)
        return parsed<etcd_watch_message>::refused(whole.why);
    if (whole->contains("error")) {
        const etcd_refusal refusal = parse_etcd_refusal(line);
        etcd_watch_message ended;
        ended.cancelled = true;
        ended.reason = refusal.text.empty() ? "an error" : refusal.text;
        return ended;
    }
    bool ok = true;
    const reader r(ok);
    auto message = read_watch(r, r.object(*whole, "result"));
    if (!ok || !whole->contains("result"))
        return parsed<etcd_watch_message>::refused("the JSON is not a message of etcd's");
    return message;
}

etcd_refusal parse_etcd_refusal(std::string_view text)
{
    etcd_refusal refusal;
    const auto whole = parse_object(text, max_etcd_answer, max_members);
    if (!whole)
        return refusal;
    // What ends a stream has an object in the place of the text.
    bool ok = true;
    const reader r(ok);
    const json::value* e = whole->if_contains("error");
    const json::object& o = e && e->is_object() ? e->get_object() : *whole;
    std::string message = r.text(o, "message");
    if (message.empty())
        message = r.text(o, "error");
    const std::int64_t code = o.contains("grpc_code") ? r.number(o, "grpc_code") : r.number(o, "code");
    refusal.code = code > 0 && code <= 16 ? static_cast<int>(code) : static_cast<int>(etcd_refusal::unknown);
    refusal.text = printable(message, max_text);
    return refusal;
}

} // namespace acme
