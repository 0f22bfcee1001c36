#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace acme {

/// When each host is due, ordered by deadline: one entry a host, O(log n) a change, averaged over many changes.
///
/// Made for a million hosts, where what counts is how much memory a change touches: deadlines wait unordered by their
/// hour, only those of the first hour are in a heap. A host that is moved or removed leaves its earlier deadline
/// behind, which is dropped when its turn comes, or with all such before they are more than the others. An open hash
/// table finds a host's number.
class schedule
{
public:
    using time_point = std::chrono::system_clock::time_point;

    /// Sets or moves a host's deadline.
    void set(const std::string& host, time_point due);
    void erase(const std::string& host);
    void clear();

    std::optional<time_point> next() const;
    /// Removes and returns the hosts that are due, the longest overdue first.
    std::vector<std::string> take_due(time_point now);

    /// The host whose deadline is first; null where there is none.
    const std::string* first() const noexcept;
    bool contains(const std::string& host) const { return find(host, hash_of(host)) != none; }
    std::size_t size() const noexcept { return size_; }

private:
    using number = std::uint32_t;
    static constexpr number none = number(-1);

    struct entry
    {
        std::string host;
        // The next unused number, in an unused entry.
        number hash = 0;
        // Of the only deadline that counts.
        number version = 0;
    };
    struct deadline
    {
        time_point due;
        number of = 0;
        number version = 0;
    };
    /// Of the hash table.
    struct slot
    {
        number hash = 0;
        number of = none;
    };
    using hour = std::chrono::hours;

    static number hash_of(std::string_view host) noexcept;
    std::size_t slot_of(number hash, std::size_t step) const noexcept { return (hash + step) & (slots_.size() - 1); }
    number find(std::string_view host, number hash) const noexcept;
    void link(number hash, number n) noexcept;
    void unlink(number hash, number n) noexcept;
    void grow();
    number provide();
    void enqueue(time_point due, number n);
    void make_way_for(hour of) noexcept;
    std::string remove(number n) noexcept;
    bool counts(const deadline& d) const noexcept { return entries_[d.of].version == d.version; }
    void settle() noexcept;
    void open() noexcept;
    void tidy() noexcept;
    void tidy(std::vector<deadline>& queue) noexcept;
    void prefetch() const noexcept;

    std::vector<entry> entries_;
    number unused_ = none;
    std::size_t size_ = 0;
    // A heap: what is due before the end of the hour `opened_`. It has the first deadline that counts, if there is one.
    std::vector<deadline> soon_;
    hour opened_ = hour::min();
    std::map<hour, std::vector<deadline>> later_;
    std::size_t queued_ = 0;
    // A power of two, at most three quarters full, without gaps between a slot and where its hash points.
    std::vector<slot> slots_;
};

} // namespace acme
