// Half a year of many certificates on hand-moved time: the manager's scheduler and its decisions are the real ones, the
// CA answers with plain values. Prints a table and `figure NAME VALUE` lines. An argument bounds the size of the fleet.

#include "manager/schedule.hpp"
#include "protocol/limit.hpp"
#include "protocol/rate_limit_scope.hpp"
#include "protocol/renewal_plan.hpp"
#include "simulated_ca.hpp"

#include <acme/config.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <malloc.h>
#include <string>
#include <unordered_map>
#include <vector>

namespace acme::bench {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using duration = std::chrono::system_clock::duration;

/// Of a fleet's certificates.
enum class lifetimes
{
    long_ones,
    short_ones,
    both
};

constexpr duration span_of_run = hours(24 * 182);
// Of how many certificates one asks the CA for its window (each day, as the simulated CA wishes): with all of them the
// benchmark would do nothing but ask, for a quarter of an hour.
constexpr std::size_t asking_one_in = 8;
// Of how many hosts one comes new, within the first month; the others have certificates of all ages at the start.
constexpr std::size_t new_one_in = 10;

class random_bits
{
public:
    explicit random_bits(std::uint64_t seed) noexcept
        : state_(seed)
    {}
    // SplitMix64.
    std::uint64_t operator()() noexcept
    {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    duration below(duration d) noexcept
    {
        return duration(static_cast<duration::rep>((*this)() % static_cast<std::uint64_t>(d.count())));
    }

private:
    std::uint64_t state_;
};

double cpu_seconds() noexcept
{
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

double heap_bytes() noexcept
{
    const auto m = mallinfo2();
    return static_cast<double>(m.uordblks) + static_cast<double>(m.hblkhd);
}

// The number is at a fixed place and the next host's record is asked for early, so that finding it is no part of what
// is measured.
std::string host_name(std::size_t n, const layout& l)
{
    char text[64];
    std::snprintf(text, sizeof text, "host%07zu.shop%06zu.example", n, l.domain_of(n));
    return text;
}

std::size_t number_of(const std::string& host) noexcept
{
    std::size_t n = 0;
    for (std::size_t i = 4; i < 11; ++i)
        n = n * 10 + static_cast<std::size_t>(host[i] - '0');
    return n;
}

struct alignas(64) record
{
    renewal_plan plan;
    validity span{{}, {}};
    bool served = false;
};

/// What one manager has for its account: its own limits, the refreshes that are due, and the CA's pauses.
struct account
{
    token_bucket requests{limits().requests};
    token_bucket new_hosts{limits().new_hosts};
    schedule due;
    time_point paused_until{};
};

struct outcome
{
    std::uint64_t events = 0;
    double cpu = 0;
    double bytes = 0;
    std::uint64_t issued = 0;
    std::uint64_t rejected = 0;
    std::uint64_t unanswered = 0;
    std::uint64_t expired = 0;
    std::uint64_t revoked = 0;
    std::uint64_t most_orders_in_a_minute = 0;
    double orders_a_minute = 0;

    double peak_ratio() const noexcept
    {
        return orders_a_minute > 0 ? static_cast<double>(most_orders_in_a_minute) / orders_a_minute : 0;
    }
};

/// The supervising task of `lib/manager`, without its coroutines.
class fleet
{
public:
    fleet(std::size_t hosts, lifetimes l, std::uint64_t seed)
        : layout_{hosts}
        , lifetimes_(l)
        , weather_(half_year())
        , random_(seed)
        , ca_(weather_, layout_)
        , records_(hosts)
        , accounts_(layout_.accounts())
    {}

    outcome run();

private:
    static weather half_year();
    duration lifetime_of(std::size_t n) const noexcept;
    void begin();
    void begin_served(std::size_t n);
    void take_what_is_due(time_point now);
    void prefetch_next() const noexcept;
    void start_due_refreshes(std::size_t of_account, time_point now);
    std::optional<time_point> pause_of(std::size_t n, time_point now) const;
    void poll(const std::string& host, std::size_t n, time_point now);
    void greet(const std::string& host, std::size_t n, time_point now);
    void order(const std::string& host, std::size_t n, time_point now);
    void fail(const std::string& host, std::size_t n, const refusal& r, time_point now);
    void pause_whom_it_concerns(const std::string& host, std::size_t n, const problem& p);
    void count_what_lapsed(std::size_t n, time_point now);
    bool asks(std::size_t n) const noexcept { return n % asking_one_in == 0; }

    layout layout_;
    lifetimes lifetimes_;
    weather weather_;
    random_bits random_;
    simulated_ca ca_;
    std::vector<record> records_;
    std::vector<account> accounts_;
    std::unordered_map<std::size_t, time_point> domains_paused_;
    schedule schedule_;
    // Accounts that wait for a token, by the time of the next one.
    schedule tokens_;
    std::vector<std::size_t> touched_;
    outcome outcome_;
};

weather fleet::half_year()
{
    using namespace std::chrono;
    weather w;
    w.start = sys_days(year(2027) / January / 1);
    w.outage_begin = w.start + hours(24 * 60);
    w.outage_end = w.outage_begin + hours(24 * 3);
    w.mass_revocation = w.start + hours(24 * 120);
    return w;
}

duration fleet::lifetime_of(std::size_t n) const noexcept
{
    const bool is_short =
        lifetimes_ == lifetimes::both ? n / asking_one_in % 2 == 0 : lifetimes_ == lifetimes::short_ones;
    return is_short ? hours(160) : hours(24 * 90);
}

void fleet::begin_served(std::size_t n)
{
    auto& r = records_[n];
    const auto start = weather_.start;
    const auto chance = random_();
    const auto due = refresh_time(start, start + lifetime_of(n), chance) - start;
    const auto obtained = start - random_.below(due);
    r.span = validity(obtained, obtained + lifetime_of(n));
    r.served = true;
    r.plan = plan_renewal(r.span, asks(n), std::nullopt, obtained, chance);
    if (asks(n))
        resume_polls(r.plan, start, random_());
}

void fleet::begin()
{
    for (std::size_t n = 0; n < layout_.hosts; ++n)
        if (n % new_one_in != 1)
            begin_served(n);
    const double before = heap_bytes();
    for (std::size_t n = 0; n < layout_.hosts; ++n) {
        const auto& r = records_[n];
        const auto first = weather_.start + (r.served ? duration::zero() : random_.below(hours(24 * 30)));
        schedule_.set(host_name(n, layout_), r.served ? next_step(r.plan, first) : first);
    }
    outcome_.bytes = (heap_bytes() - before) / static_cast<double>(layout_.hosts);
}

outcome fleet::run()
{
    begin();
    const auto end = weather_.start + span_of_run;
    const double cpu = cpu_seconds();
    auto now = weather_.start;
    for (;;) {
        const auto next = schedule_.next(), token = tokens_.next();
        if (!next && !token)
            break;
        now = std::max(now, std::min(next.value_or(end), token.value_or(end)));
        if (now >= end)
            break;
        take_what_is_due(now);
    }
    outcome_.cpu = cpu_seconds() - cpu;
    for (std::size_t n = 0; n < layout_.hosts; ++n)
        count_what_lapsed(n, end);
    outcome_.issued = ca_.issued();
    outcome_.rejected = ca_.rejected();
    outcome_.unanswered = ca_.unanswered();
    outcome_.most_orders_in_a_minute = ca_.most_orders_in_a_minute();
    outcome_.orders_a_minute = ca_.orders_a_minute();
    return outcome_;
}

void fleet::take_what_is_due(time_point now)
{
    touched_.clear();
    for (auto& host : schedule_.take_due(now)) {
        ++outcome_.events;
        const auto n = number_of(host);
        auto& r = records_[n];
        if (!r.served) {
            greet(host, n, now);
            continue;
        }
        const auto due = refresh_due(r.plan, now);
        if (due > now) {
            schedule_.set(host, due);
            poll(host, n, now);
        } else {
            const auto of_account = layout_.account_of(n);
            accounts_[of_account].due.set(host, urgency(r.plan, r.span, now));
            touched_.push_back(of_account);
        }
    }
    for (auto& name : tokens_.take_due(now))
        touched_.push_back(std::stoul(name));
    for (const auto of_account : touched_)
        start_due_refreshes(of_account, now);
    prefetch_next();
}

void fleet::prefetch_next() const noexcept
{
    const auto* next = schedule_.first();
    if (!next)
        return;
    const auto n = number_of(*next);
    const auto* r = reinterpret_cast<const char*>(&records_[n]);
    for (std::size_t line = 0; line < sizeof(record); line += 64)
        __builtin_prefetch(r + line, 1);
    ca_.prefetch(n);
}

// A client asks for a host that has no certificate yet.
void fleet::greet(const std::string& host, std::size_t n, time_point now)
{
    const auto of_account = layout_.account_of(n);
    if (!accounts_[of_account].new_hosts.try_take(now)) {
        schedule_.set(host, now + minutes(10) + random_.below(hours(1)));
        return;
    }
    accounts_[of_account].due.set(host, weather_.start);
    touched_.push_back(of_account);
}

void fleet::start_due_refreshes(std::size_t of_account, time_point now)
{
    auto& a = accounts_[of_account];
    while (a.due.first()) {
        const auto host = *a.due.first();
        const auto n = number_of(host);
        if (const auto until = pause_of(n, now)) {
            a.due.erase(host);
            schedule_.set(host, *until + seconds(random_() % 300));
            continue;
        }
        const auto wait = a.requests.wait(now);
        if (wait > wait.zero()) {
            tokens_.set(std::to_string(of_account), now + wait);
            return;
        }
        a.requests.try_take(now);
        a.due.erase(host);
        order(host, n, now);
    }
}

std::optional<time_point> fleet::pause_of(std::size_t n, time_point now) const
{
    auto until = accounts_[layout_.account_of(n)].paused_until;
    if (!domains_paused_.empty()) {
        const auto it = domains_paused_.find(layout_.domain_of(n));
        if (it != domains_paused_.end())
            until = std::max(until, it->second);
    }
    return until > now ? std::optional(until) : std::nullopt;
}

void fleet::poll(const std::string& host, std::size_t n, time_point now)
{
    auto& r = records_[n];
    renewal_info info;
    if (const auto refused = ca_.ask(n, r.span, now, info))
        poll_failed(r.plan, refused->code, refused->problem, now, random_());
    else
        take_window(r.plan, r.span, info, now, random_());
    schedule_.set(host, next_step(r.plan, now));
}

void fleet::order(const std::string& host, std::size_t n, time_point now)
{
    auto& r = records_[n];
    if (const auto refused = ca_.order(n, r.served ? &r.span : nullptr, asks(n), now)) {
        fail(host, n, *refused, now);
        return;
    }
    count_what_lapsed(n, now);
    std::optional<replaced_certificate> earlier;
    if (r.served)
        earlier.emplace(r.span, r.plan.hurried);
    r.span = validity(now, now + lifetime_of(n));
    r.plan = plan_renewal(r.span, asks(n), earlier, now, random_());
    r.served = true;
    schedule_.set(host, next_step(r.plan, now));
}

void fleet::fail(const std::string& host, std::size_t n, const refusal& r, time_point now)
{
    auto& [plan, span, served] = records_[n];
    // No order was placed, so the token is given back.
    if (ca_.is_out(now))
        accounts_[layout_.account_of(n)].requests.put_back();
    if (r.problem && r.problem->retry_after)
        pause_whom_it_concerns(host, n, *r.problem);
    if (served) {
        refresh_failed(plan, span, r.code, r.problem, now, random_());
        schedule_.set(host, next_step(plan, now));
    } else {
        const auto advice = disposition(r.code, r.problem, ++plan.failures, now, random_());
        schedule_.set(host, earliest_attempt(advice, now));
    }
}

void fleet::pause_whom_it_concerns(const std::string& host, std::size_t n, const problem& p)
{
    const auto scope = scope_of(p, host);
    if (scope.what == rate_limit_scope::kind::account)
        accounts_[layout_.account_of(n)].paused_until = *p.retry_after;
    else if (scope.what == rate_limit_scope::kind::registered_domain)
        domains_paused_[layout_.domain_of(n)] = *p.retry_after;
}

void fleet::count_what_lapsed(std::size_t n, time_point now)
{
    const auto& r = records_[n];
    if (!r.served)
        return;
    outcome_.expired += now > r.span.not_after;
    outcome_.revoked += asks(n) && ca_.is_to_be_replaced(n, r.span, now - hours(24 * 5)) && now <= r.span.not_after;
}

outcome operator+(outcome a, const outcome& b)
{
    a.events += b.events;
    a.cpu += b.cpu;
    a.bytes = std::max(a.bytes, b.bytes);
    a.issued += b.issued;
    a.rejected += b.rejected;
    a.unanswered += b.unanswered;
    a.expired += b.expired;
    a.revoked += b.revoked;
    if (b.peak_ratio() > a.peak_ratio()) {
        a.most_orders_in_a_minute = b.most_orders_in_a_minute;
        a.orders_a_minute = b.orders_a_minute;
    }
    return a;
}

void print(std::size_t hosts, const char* life, unsigned runs, const outcome& o)
{
    std::printf("%9zu %6s %5u %11llu %11llu %9llu %11llu %8llu %8llu %9llu %8.2f %6.0f %9.3f\n", hosts, life, runs,
        static_cast<unsigned long long>(o.events), static_cast<unsigned long long>(o.issued),
        static_cast<unsigned long long>(o.rejected), static_cast<unsigned long long>(o.unanswered),
        static_cast<unsigned long long>(o.expired), static_cast<unsigned long long>(o.revoked),
        static_cast<unsigned long long>(o.most_orders_in_a_minute), o.peak_ratio(), o.bytes,
        o.cpu * 1e6 / static_cast<double>(o.events));
    std::fflush(stdout);
}

double event_us(const outcome& o)
{
    return o.cpu * 1e6 / static_cast<double>(o.events);
}

int benchmark(std::size_t largest)
{
    const layout usual;
    std::printf(
        "Half a year; a CA outage of 3 days from day 60; on day 120 the CA asks for two certificates in three\n"
        "back, by ARI, and revokes them 5 days later. One account for %zu hosts, one registered domain for %zu.\n"
        "One certificate in %zu asks for its window, daily; one host in %zu comes new, in the first month.\n"
        "\"both\": half of them 90 d, half 160 h. CPU time includes the decisions and the simulated CA.\n\n",
        usual.hosts_an_account, usual.hosts_a_domain, asking_one_in, new_one_in);
    std::printf("%9s %6s %5s %11s %11s %9s %11s %8s %8s %9s %8s %6s %9s\n", "hosts", "life", "runs", "events", "issued",
        "rejected", "unanswered", "expired", "revoked", "peak/min", "peak/avg", "bytes", "us/event");
    outcome all, smallest, biggest;
    const auto row = [&](std::size_t hosts, lifetimes l, const char* name) {
        // As many runs as make a time that can be measured.
        const auto runs = static_cast<unsigned>(std::max<std::size_t>(1, 20'000 / hosts));
        outcome sum;
        for (unsigned n = 0; n < runs; ++n)
            sum = sum + fleet(hosts, l, hosts + n).run();
        print(hosts, name, runs, sum);
        all = all + sum;
        return sum;
    };
    for (std::size_t hosts = 1'000; hosts <= largest; hosts *= 10) {
        if (hosts < 1'000'000) {
            row(hosts, lifetimes::long_ones, "90 d");
            row(hosts, lifetimes::short_ones, "160 h");
        }
        biggest = row(hosts, lifetimes::both, "both");
        if (hosts == 1'000)
            smallest = biggest;
    }
    std::printf("\nfigure fleet_expired %llu\n", static_cast<unsigned long long>(all.expired));
    std::printf("figure fleet_rejected %llu\n", static_cast<unsigned long long>(all.rejected));
    std::printf("figure fleet_peak_ratio %.2f\n", biggest.peak_ratio());
    std::printf("figure fleet_bytes %.0f\n", biggest.bytes);
    std::printf("figure fleet_event_us %.3f\n", event_us(biggest));
    std::printf("figure fleet_event_ratio %.2f\n", event_us(biggest) / event_us(smallest));
    return all.expired == 0 ? 0 : 1;
}

} // namespace
} // namespace acme::bench

int main(int argc, char** argv)
{
    return acme::bench::benchmark(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000);
}
