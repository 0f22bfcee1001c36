#include "manager/schedule.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <new>
#include <stdexcept>
#include <utility>

namespace acme {
namespace {

constexpr std::size_t fewest_slots = 16;
// Where an earlier hour is opened, what a heap may have to be ordered a second time for it.
constexpr std::size_t most_ordered_twice = 1'024;
constexpr std::size_t entries_ahead = 8;

struct is_later
{
    template <class Deadline>
    bool operator()(const Deadline& a, const Deadline& b) const noexcept
    {
        return a.due > b.due;
    }
};

std::chrono::hours hour_of(schedule::time_point t) noexcept
{
    return std::chrono::floor<std::chrono::hours>(t.time_since_epoch());
}

} // namespace

schedule::number schedule::hash_of(std::string_view host) noexcept
{
    const std::uint64_t h = std::hash<std::string_view>()(host);
    return static_cast<number>(h ^ (h >> 32));
}

schedule::number schedule::find(std::string_view host, number hash) const noexcept
{
    if (slots_.empty())
        return none;
    for (std::size_t step = 0;; ++step) {
        const slot& s = slots_[slot_of(hash, step)];
        if (s.of == none || (s.hash == hash && entries_[s.of].host == host))
            return s.of;
    }
}

void schedule::link(number hash, number n) noexcept
{
    std::size_t step = 0;
    while (slots_[slot_of(hash, step)].of != none)
        ++step;
    slots_[slot_of(hash, step)] = {hash, n};
}

// What comes after the gap moves up, unless its hash points behind it.
void schedule::unlink(number hash, number n) noexcept
{
    const std::size_t mask = slots_.size() - 1;
    std::size_t gap = hash & mask;
    while (slots_[gap].of != n)
        gap = (gap + 1) & mask;
    for (std::size_t i = (gap + 1) & mask; slots_[i].of != none; i = (i + 1) & mask) {
        const std::size_t distance = (i - slots_[i].hash) & mask;
        if (distance < ((i - gap) & mask))
            continue;
        slots_[gap] = slots_[i];
        gap = i;
    }
    slots_[gap] = slot();
}

void schedule::grow()
{
    std::vector<slot> old(std::max(fewest_slots, 2 * slots_.size()));
    old.swap(slots_);
    for (const slot& s : old)
        if (s.of != none)
            link(s.hash, s.of);
}

// All that can fail for want of memory comes before the first change that counts.
void schedule::set(const std::string& host, time_point due)
{
    const number hash = hash_of(host);
    if (const number n = find(host, hash); n != none) {
        enqueue(due, n);
        ++entries_[n].version;
    } else {
        std::string copy = host;
        const number added = provide();
        enqueue(due, added);
        entry& e = entries_[added];
        unused_ = std::exchange(e.hash, hash);
        ++e.version;
        e.host = std::move(copy);
        link(hash, added);
        ++size_;
    }
    settle();
}

// An unused number, with room for its hash.
schedule::number schedule::provide()
{
    if (size_ + 1 > slots_.size() / 4 * 3)
        grow();
    if (unused_ == none) {
        if (entries_.size() >= none)
            throw std::length_error("schedule");
        entries_.emplace_back().hash = none;
        unused_ = static_cast<number>(entries_.size() - 1);
    }
    return unused_;
}

// The deadline counts once the version of the entry is raised.
void schedule::enqueue(time_point due, number n)
{
    const hour of = hour_of(due);
    make_way_for(of);
    auto& queue = of <= opened_ ? soon_ : later_[of];
    queue.push_back({due, n, entries_[n].version + 1});
    ++queued_;
    if (&queue == &soon_)
        std::push_heap(soon_.begin(), soon_.end(), is_later());
}

// A heap of one hour waits again where an earlier hour comes first.
void schedule::make_way_for(hour of) noexcept
try {
    if (of >= opened_ || soon_.empty() || soon_.size() > most_ordered_twice || hour_of(soon_.front().due) != opened_)
        return;
    later_[opened_].swap(soon_);
    opened_ = hour::min();
} catch (const std::bad_alloc&) {
    // The heap takes the earlier hour, too.
}

void schedule::erase(const std::string& host)
{
    const number n = find(host, hash_of(host));
    if (n == none)
        return;
    remove(n);
    settle();
}

std::string schedule::remove(number n) noexcept
{
    entry& e = entries_[n];
    unlink(e.hash, n);
    ++e.version;
    e.hash = std::exchange(unused_, n);
    --size_;
    return std::exchange(e.host, std::string());
}

// Brings the first deadline that counts to the front.
void schedule::settle() noexcept
{
    if (queued_ > 2 * size_ + most_ordered_twice)
        tidy();
    for (;;) {
        if (soon_.empty() && later_.empty())
            break;
        if (soon_.empty()) {
            open();
        } else if (counts(soon_.front())) {
            break;
        } else {
            std::pop_heap(soon_.begin(), soon_.end(), is_later());
            soon_.pop_back();
            --queued_;
        }
    }
    prefetch();
}

void schedule::open() noexcept
{
    const auto first = later_.begin();
    opened_ = first->first;
    soon_.swap(first->second);
    later_.erase(first);
    tidy(soon_);
    std::make_heap(soon_.begin(), soon_.end(), is_later());
}

void schedule::tidy() noexcept
{
    tidy(soon_);
    std::make_heap(soon_.begin(), soon_.end(), is_later());
    for (auto it = later_.begin(); it != later_.end();) {
        tidy(it->second);
        it = it->second.empty() ? later_.erase(it) : std::next(it);
    }
}

// The entries are far apart in memory: they are asked for some time before they are read.
void schedule::tidy(std::vector<deadline>& queue) noexcept
{
    std::size_t ahead = std::min(entries_ahead, queue.size());
    for (std::size_t i = 0; i < ahead; ++i)
        __builtin_prefetch(&entries_[queue[i].of].version);
    queued_ -= std::erase_if(queue, [&](const deadline& d) {
        if (ahead < queue.size())
            __builtin_prefetch(&entries_[queue[ahead++].of].version);
        return !counts(d);
    });
}

// What the next removals read, of places that are far apart in memory.
void schedule::prefetch() const noexcept
{
    if (soon_.empty())
        return;
    const entry& first = entries_[soon_.front().of];
    __builtin_prefetch(first.host.data());
    __builtin_prefetch(&slots_[slot_of(first.hash, 0)]);
    for (std::size_t i = 1; i < std::min<std::size_t>(soon_.size(), 3); ++i)
        __builtin_prefetch(&entries_[soon_[i].of]);
}

void schedule::clear()
{
    *this = schedule();
}

std::optional<schedule::time_point> schedule::next() const
{
    if (soon_.empty())
        return std::nullopt;
    return soon_.front().due;
}

const std::string* schedule::first() const noexcept
{
    return soon_.empty() ? nullptr : &entries_[soon_.front().of].host;
}

std::vector<std::string> schedule::take_due(time_point now)
{
    std::vector<std::string> due;
    while (!soon_.empty() && soon_.front().due <= now) {
        due.emplace_back();
        due.back() = remove(soon_.front().of);
        settle();
    }
    return due;
}

} // namespace acme
