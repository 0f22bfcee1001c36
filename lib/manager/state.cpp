#include "manager/state.hpp"

#include "manager/object_reader.hpp"
#include "protocol/host_name.hpp"

#include <acme/error.hpp>

#include <boost/json.hpp>

#include <algorithm>

namespace acme {
namespace {

namespace json = boost::json;

std::int64_t to_number(std::chrono::system_clock::time_point t)
{
    const auto seconds = std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
    return std::clamp<std::int64_t>(seconds, 0, latest_second);
}

account_record decode_account(const object_reader& r)
{
    account_record a;
    a.private_key = r.private_key("key");
    a.url = r.text("url");
    return a;
}

renewal_plan decode_plan(const object_reader& r)
{
    renewal_plan p;
    p.refresh_at = r.time("refresh_at");
    p.window = r.window("window");
    p.failures = r.count("failures");
    p.failed_at = r.time("failed_at");
    p.retry_at = r.time("retry_at");
    p.hurried = r.count("hurried");
    return p;
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
    c.plan = decode_plan(r);
    c.last_problem = r.note("last_problem");
    c.challenge = r.optional_name("challenge");
    c.failed_challenge = r.optional_name("failed_challenge");
    return c;
}

pause_record decode_pause(const object_reader& r)
{
    pause_record p;
    p.until = r.time("until");
    p.count = r.count("count");
    p.why = r.note("why");
    p.since = r.time("since");
    p.failed_challenge = r.optional_name("failed_challenge");
    p.unreachable = r.flag("unreachable");
    return p;
}

order_record decode_order(const object_reader& r)
{
    order_record o;
    o.url = r.text("url");
    o.certificate_key = r.private_key("key");
    o.attempts = r.count("attempts");
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
    for (auto& each : r.objects("pauses"))
        l.pauses[each.text("domain")] = decode_pause(each);
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

void add_plan(json::object& to, const renewal_plan& p)
{
    to["refresh_at"] = to_number(p.refresh_at);
    auto& window = to["window"].emplace_array();
    if (p.window)
        window = {to_number(p.window->start), to_number(p.window->end)};
    to["failures"] = p.failures;
    to["failed_at"] = to_number(p.failed_at);
    to["retry_at"] = to_number(p.retry_at);
    to["hurried"] = p.hurried;
}

void add_name(json::object& to, const char* member, const std::string& name)
{
    if (!name.empty())
        to[member] = name;
}

json::object to_object(const pause_record& r)
{
    json::object o;
    o["until"] = to_number(r.until);
    o["count"] = r.count;
    o["why"] = r.why;
    o["since"] = to_number(r.since);
    add_name(o, "failed_challenge", r.failed_challenge);
    if (r.unreachable)
        o["unreachable"] = true;
    return o;
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

bool in_force(const pause_record& p, std::chrono::system_clock::time_point now) noexcept
{
    return now < p.until && !was_set_back(p.since, now);
}

std::vector<std::string> remember_failure(state& s, const std::string& host, pause_record p, std::size_t limit)
{
    std::vector<std::string> forgotten;
    s.failures[host] = std::move(p);
    if (s.failures.size() <= limit)
        return forgotten;
    // All have to be looked at, so not for each.
    const auto count = static_cast<std::ptrdiff_t>(s.failures.size() - limit + limit / 16);
    std::vector<decltype(s.failures)::const_iterator> all;
    for (auto each = s.failures.cbegin(); each != s.failures.cend(); ++each)
        all.push_back(each);
    std::ranges::nth_element(all, all.begin() + count - 1, {}, [](auto each) { return each->second.until; });
    for (auto each = all.begin(); each != all.begin() + count; ++each) {
        if (!(*each)->second.unreachable)
            forgotten.push_back((*each)->first);
        s.failures.erase(*each);
    }
    return forgotten;
}

const pause_record* find_pause(const state& s, std::string_view host, std::chrono::system_clock::time_point now)
{
    if (!s.limits)
        return nullptr;
    const auto& pauses = s.limits->pauses;
    for (std::string_view domain = host;;) {
        const auto it = pauses.find(std::string(domain));
        if (it != pauses.end() && in_force(it->second, now))
            return &it->second;
        if (domain.empty())
            return nullptr;
        const auto dot = domain.find('.');
        domain = dot == std::string_view::npos ? std::string_view() : domain.substr(dot + 1);
    }
}

bool add_pauses(
    limit_record& to, const std::map<std::string, pause_record>& pauses, std::chrono::system_clock::time_point now)
{
    bool news = false;
    for (const auto& [domain, pause] : pauses) {
        const auto known = to.pauses.find(domain);
        const bool covered =
            known != to.pauses.end() && in_force(known->second, now) && known->second.until >= pause.until;
        const bool fits = known != to.pauses.end() || to.pauses.size() < max_pauses;
        if (covered || !fits || !in_force(pause, now))
            continue;
        to.pauses.insert_or_assign(domain, pause);
        news = true;
    }
    return news;
}

validity validity_of(const certificate& c) noexcept
{
    return validity(c.not_before(), c.not_after());
}

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
    add_plan(o, r.plan);
    o["last_problem"] = r.last_problem;
    add_name(o, "challenge", r.challenge);
    add_name(o, "failed_challenge", r.failed_challenge);
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
    auto& pauses = o["pauses"].emplace_array();
    for (auto& [domain, pause] : r.pauses) {
        auto entry = to_object(pause);
        entry["domain"] = domain;
        pauses.push_back(std::move(entry));
    }
    return json::serialize(o);
}

std::string encode(const pause_record& r)
{
    return json::serialize(to_object(r));
}

std::string encode(const std::set<std::string>& hosts)
{
    json::object o;
    o["hosts"] = json::array(hosts.begin(), hosts.end());
    return json::serialize(o);
}

std::set<std::string> keys_of(const state& s, const state_keys& keys)
{
    std::set<std::string> all;
    if (s.account)
        all.insert(keys.account());
    if (s.hosts)
        all.insert(state_keys::hosts());
    if (s.limits)
        all.insert(keys.limits());
    for (auto& [host, record] : s.certificates)
        all.insert(keys.certificate(host));
    for (auto& [host, record] : s.orders)
        all.insert(keys.order(host));
    for (auto& [host, record] : s.failures)
        all.insert(keys.failure(host));
    return all;
}

objects encode(const state& s, const state_keys& keys)
{
    objects o;
    for (auto& key : keys_of(s, keys))
        o[key] = encode_object(s, keys, key).value();
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
    if (auto host = host_of(key, keys.failure({}))) {
        auto it = s.failures.find(*host);
        return it == s.failures.end() ? std::nullopt : std::optional(encode(it->second));
    }
    return std::nullopt;
}

void decode_object(
    state& to, const state_keys& keys, const std::string& key, std::string_view value, std::string_view place)
{
    auto served = host_of(key, keys.certificate({}));
    auto ordered = host_of(key, keys.order({}));
    auto failed = host_of(key, keys.failure({}));
    bool known =
        key == state_keys::hosts() || key == keys.account() || key == keys.limits() || served || ordered || failed;
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
    else if (ordered)
        to.orders[normalized_host(r, *ordered)] = decode_order(r);
    else
        to.failures[normalized_host(r, *failed)] = decode_pause(r);
}

state decode(const objects& o, const state_keys& keys, std::string_view place)
{
    state s;
    for (auto& [key, value] : o)
        decode_object(s, keys, key, value, place);
    return s;
}

} // namespace acme
