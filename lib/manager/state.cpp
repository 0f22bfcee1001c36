#include "manager/state.hpp"

#include "protocol/host_name.hpp"
#include "protocol/printable.hpp"

#include <acme/error.hpp>

#include <boost/json.hpp>

#include <algorithm>

namespace acme {
namespace {

namespace json = boost::json;

using seconds_since_epoch = std::chrono::sys_time<std::chrono::seconds>;

std::int64_t to_number(std::chrono::system_clock::time_point t)
{
    return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
}

// Within what system_clock can hold, so that no saved number overflows it.
constexpr std::int64_t latest_second = 9'000'000'000;

/// One object under its reader's eyes: every accessor names the member that is wrong.
class object_reader
{
public:
    object_reader(std::string_view place, const std::string& key, std::string_view text)
        : where_(printable(place, 512) + ": object " + printable(key, 512))
    {
        boost::system::error_code ec;
        auto value = json::parse(json::string_view(text.data(), text.size()), ec);
        if (ec || !value.is_object())
            fail("is not a JSON object");
        object_ = std::move(value.get_object());
    }

    std::string text(std::string_view member) const
    {
        auto* v = find(member);
        if (!v || !v->is_string())
            fail("has no text \"" + std::string(member) + "\"");
        return std::string(v->get_string());
    }

    std::int64_t number(std::string_view member) const
    {
        auto* v = find(member);
        boost::system::error_code ec;
        auto n = v ? v->to_number<std::int64_t>(ec) : 0;
        if (!v || ec || n < 0 || n > latest_second)
            fail("has no sane number \"" + std::string(member) + "\"");
        return n;
    }

    std::chrono::system_clock::time_point time(std::string_view member) const
    {
        return seconds_since_epoch(std::chrono::seconds(number(member)));
    }

    acme::key private_key(std::string_view member) const
    {
        auto k = acme::key::from_pem(text(member));
        if (!k)
            fail("has no private key in \"" + std::string(member) + "\"");
        return *k;
    }

    std::vector<std::string> texts(std::string_view member) const
    {
        auto* v = find(member);
        if (!v || !v->is_array())
            fail("has no list \"" + std::string(member) + "\"");
        std::vector<std::string> all;
        for (auto& each : v->get_array()) {
            if (!each.is_string())
                fail("has something else than texts in \"" + std::string(member) + "\"");
            all.emplace_back(each.get_string());
        }
        return all;
    }

    [[noreturn]] void fail(const std::string& what) const
    {
        throw error(make_error_code(errc::damaged_state), "loading the saved state", where_ + " " + what);
    }

private:
    const json::value* find(std::string_view member) const
    {
        return object_.if_contains(json::string_view(member.data(), member.size()));
    }

    std::string where_;
    json::object object_;
};

account_record decode_account(const object_reader& r)
{
    account_record a;
    a.private_key = r.private_key("key");
    a.url = r.text("url");
    return a;
}

certificate_record decode_certificate(const object_reader& r, const std::string& host)
{
    certificate_record c;
    std::string why;
    c.certificate = certificate::from_pem(r.text("chain"), r.private_key("key"), why);
    if (!c.certificate)
        r.fail("has an unusable chain: " + why);
    if (!c.certificate->covers(host))
        r.fail("has a certificate for another host");
    c.next_refresh = r.time("next_refresh");
    c.failures = static_cast<unsigned>(r.number("failures"));
    return c;
}

order_record decode_order(const object_reader& r)
{
    order_record o;
    o.url = r.text("url");
    o.certificate_key = r.private_key("key");
    o.attempts = static_cast<unsigned>(r.number("attempts"));
    return o;
}

token_bucket::saved decode_bucket(const object_reader& r, const std::string& name)
{
    token_bucket::saved s;
    s.tokens = static_cast<double>(r.number(name + "_millitokens")) / 1000;
    s.updated = r.time(name + "_updated");
    return s;
}

limit_record decode_limits(const object_reader& r)
{
    limit_record l;
    l.requests = decode_bucket(r, "requests");
    l.new_hosts = decode_bucket(r, "new_hosts");
    return l;
}

std::set<std::string> decode_hosts(const object_reader& r)
{
    std::set<std::string> hosts;
    for (auto& each : r.texts("hosts")) {
        auto name = normalize_host_name(each);
        if (!name)
            r.fail("lists something that is no host name");
        hosts.insert(*name);
    }
    return hosts;
}

void add_bucket(json::object& to, const std::string& name, const token_bucket::saved& s)
{
    to[name + "_millitokens"] = static_cast<std::int64_t>(s.tokens * 1000);
    to[name + "_updated"] = to_number(s.updated);
}

// The host that a key names behind `prefix`; nothing where it is not that kind of key.
std::optional<std::string> host_of(const std::string& key, const std::string& prefix)
{
    if (!key.starts_with(prefix))
        return std::nullopt;
    return key.substr(prefix.size());
}

std::string normalized_host(const object_reader& r, const std::string& host)
{
    auto name = normalize_host_name(host);
    if (!name || *name != host)
        r.fail("is named after something that is no host name");
    return host;
}

} // namespace

std::chrono::system_clock::duration take_token(
    state& s, token_bucket::saved limit_record::* which, const rate& pace, std::chrono::system_clock::time_point now)
{
    if (!s.limits)
        s.limits.emplace();
    auto& saved = (*s.limits).*which;
    token_bucket bucket(pace, saved);
    std::chrono::system_clock::duration wait{0};
    if (!bucket.try_take(now))
        wait = std::max(bucket.wait(now), token_bucket::duration(1));
    saved = bucket.save();
    return wait;
}

// "https://acme-v02.api.letsencrypt.org/directory" -> "acme-v02.api.letsencrypt.org_directory/"
state_keys::state_keys(std::string_view directory_url)
{
    constexpr std::string_view scheme = "https://";
    if (directory_url.starts_with(scheme))
        directory_url.remove_prefix(scheme.size());
    for (char c : directory_url.substr(0, 200)) {
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
        char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : '_';
        prefix_ += plain ? c : lower;
    }
    prefix_ += '/';
}

std::string encode(const account_record& r)
{
    json::object o;
    o["key"] = r.private_key.to_pem();
    o["url"] = r.url;
    return json::serialize(o);
}

std::string encode(const certificate_record& r)
{
    json::object o;
    o["chain"] = r.certificate->chain_pem();
    o["key"] = r.certificate->private_key().to_pem();
    o["next_refresh"] = to_number(r.next_refresh);
    o["failures"] = r.failures;
    return json::serialize(o);
}

std::string encode(const order_record& r)
{
    json::object o;
    o["url"] = r.url;
    o["key"] = r.certificate_key.to_pem();
    o["attempts"] = r.attempts;
    return json::serialize(o);
}

std::string encode(const limit_record& r)
{
    json::object o;
    add_bucket(o, "requests", r.requests);
    add_bucket(o, "new_hosts", r.new_hosts);
    return json::serialize(o);
}

std::string encode(const std::set<std::string>& hosts)
{
    json::object o;
    o["hosts"] = json::array(hosts.begin(), hosts.end());
    return json::serialize(o);
}

objects encode(const state& s, const state_keys& keys)
{
    objects o;
    if (s.account)
        o[keys.account()] = encode(*s.account);
    if (s.hosts)
        o[state_keys::hosts()] = encode(*s.hosts);
    if (s.limits)
        o[keys.limits()] = encode(*s.limits);
    for (auto& [host, record] : s.certificates)
        o[keys.certificate(host)] = encode(record);
    for (auto& [host, record] : s.orders)
        o[keys.order(host)] = encode(record);
    return o;
}

std::optional<std::string> encode_object(const state& s, const state_keys& keys, const std::string& key)
{
    if (key == keys.account())
        return s.account ? std::optional(encode(*s.account)) : std::nullopt;
    if (key == state_keys::hosts())
        return s.hosts ? std::optional(encode(*s.hosts)) : std::nullopt;
    if (key == keys.limits())
        return s.limits ? std::optional(encode(*s.limits)) : std::nullopt;
    if (auto host = host_of(key, keys.certificate({}))) {
        auto it = s.certificates.find(*host);
        return it == s.certificates.end() ? std::nullopt : std::optional(encode(it->second));
    }
    if (auto host = host_of(key, keys.order({}))) {
        auto it = s.orders.find(*host);
        return it == s.orders.end() ? std::nullopt : std::optional(encode(it->second));
    }
    return std::nullopt;
}

void decode_object(
    state& to, const state_keys& keys, const std::string& key, std::string_view value, std::string_view place)
{
    auto served = host_of(key, keys.certificate({}));
    auto ordered = host_of(key, keys.order({}));
    bool known = key == state_keys::hosts() || key == keys.account() || key == keys.limits() || served || ordered;
    if (!known)
        return;
    object_reader r(place, key, value);
    if (key == state_keys::hosts())
        to.hosts = decode_hosts(r);
    else if (key == keys.account())
        to.account = decode_account(r);
    else if (key == keys.limits())
        to.limits = decode_limits(r);
    else if (served)
        to.certificates[normalized_host(r, *served)] = decode_certificate(r, *served);
    else
        to.orders[normalized_host(r, *ordered)] = decode_order(r);
}

state decode(const objects& o, const state_keys& keys, std::string_view place)
{
    state s;
    for (auto& [key, value] : o)
        decode_object(s, keys, key, value, place);
    return s;
}

} // namespace acme
