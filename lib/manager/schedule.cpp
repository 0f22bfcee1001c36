#include "manager/schedule.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <utility>

namespace acme {
namespace {

constexpr std::size_t children = 4;
constexpr std::size_t fewest_slots = 16;

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
        if (s.of == none || (s.hash == hash && hosts_[s.of] == host))
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

void schedule::set(const std::string& host, time_point due)
{
    const number hash = hash_of(host);
    const number n = find(host, hash);
    if (n == none)
        insert(host, hash, due);
    else
        move(places_[n], {due, n, hash});
}

// All that can fail for want of memory comes before the first change that counts.
void schedule::insert(const std::string& host, number hash, time_point due)
{
    if (heap_.size() + 1 > slots_.size() / 4 * 3)
        grow();
    if (unused_ == none) {
        if (hosts_.size() >= none)
            throw std::length_error("schedule");
        places_.resize(hosts_.size() + 1, none);
        hosts_.emplace_back();
        unused_ = static_cast<number>(hosts_.size() - 1);
    }
    std::string copy = host;
    heap_.emplace_back();
    const number n = std::exchange(unused_, places_[unused_]);
    hosts_[n] = std::move(copy);
    link(hash, n);
    rise(heap_.size() - 1, {due, n, hash});
}

void schedule::erase(const std::string& host)
{
    const number n = find(host, hash_of(host));
    if (n != none)
        remove(places_[n]);
}

std::string schedule::remove(std::size_t place)
{
    const auto [due, n, hash] = heap_[place];
    unlink(hash, n);
    places_[n] = std::exchange(unused_, n);
    const deadline last = heap_.back();
    heap_.pop_back();
    if (place < heap_.size())
        move(place, last);
    prefetch_first();
    return std::exchange(hosts_[n], std::string());
}

// What the next removal reads, of places that are far apart in memory.
void schedule::prefetch_first() const noexcept
{
    if (heap_.empty())
        return;
    __builtin_prefetch(&slots_[slot_of(heap_.front().hash, 0)]);
    __builtin_prefetch(&hosts_[heap_.front().of]);
}

void schedule::clear()
{
    hosts_.clear();
    places_.clear();
    unused_ = none;
    heap_.clear();
    slots_.clear();
}

std::optional<schedule::time_point> schedule::next() const
{
    if (heap_.empty())
        return std::nullopt;
    return heap_.front().due;
}

const std::string* schedule::first() const noexcept
{
    return heap_.empty() ? nullptr : &hosts_[heap_.front().of];
}

std::vector<std::string> schedule::take_due(time_point now)
{
    std::vector<std::string> due;
    while (!heap_.empty() && heap_.front().due <= now) {
        due.emplace_back();
        due.back() = remove(0);
    }
    return due;
}

void schedule::put(std::size_t place, const deadline& d) noexcept
{
    heap_[place] = d;
    places_[d.of] = static_cast<number>(place);
}

void schedule::rise(std::size_t place, const deadline& d) noexcept
{
    while (place > 0) {
        const std::size_t above = (place - 1) / children;
        if (heap_[above].due <= d.due)
            break;
        put(place, heap_[above]);
        place = above;
    }
    put(place, d);
}

void schedule::sink(std::size_t place, const deadline& d) noexcept
{
    for (;;) {
        const std::size_t begin = place * children + 1;
        if (begin >= heap_.size())
            break;
        const std::size_t end = std::min(begin + children, heap_.size());
        std::size_t least = begin;
        for (std::size_t i = begin + 1; i < end; ++i)
            if (heap_[i].due < heap_[least].due)
                least = i;
        if (d.due <= heap_[least].due)
            break;
        put(place, heap_[least]);
        place = least;
    }
    put(place, d);
}

void schedule::move(std::size_t place, const deadline& d) noexcept
{
    if (place > 0 && d.due < heap_[(place - 1) / children].due)
        rise(place, d);
    else
        sink(place, d);
}

} // namespace acme
