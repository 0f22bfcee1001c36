#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace acme {

/// When each host is due, ordered by deadline: one entry a host, O(log n) a change.
///
/// Made for a million hosts: what a change touches lies close together. A heap of four children a node holds deadlines
/// and numbers of hosts, an open hash table finds a host's number.
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
    std::size_t size() const noexcept { return heap_.size(); }

private:
    using number = std::uint32_t;
    static constexpr number none = number(-1);

    struct deadline
    {
        time_point due;
        number of = 0;
        number hash = 0;
    };
    /// Of the hash table.
    struct slot
    {
        number hash = 0;
        number of = none;
    };

    static number hash_of(std::string_view host) noexcept;
    std::size_t slot_of(number hash, std::size_t step) const noexcept { return (hash + step) & (slots_.size() - 1); }
    number find(std::string_view host, number hash) const noexcept;
    void link(number hash, number n) noexcept;
    void unlink(number hash, number n) noexcept;
    void grow();
    void insert(const std::string& host, number hash, time_point due);
    std::string remove(std::size_t place);
    void prefetch_first() const noexcept;
    void put(std::size_t place, const deadline& d) noexcept;
    void rise(std::size_t place, const deadline& d) noexcept;
    void sink(std::size_t place, const deadline& d) noexcept;
    void move(std::size_t place, const deadline& d) noexcept;

    std::vector<std::string> hosts_;
    // Where each host is in the heap, or the next unused number; every step in the heap writes one.
    std::vector<number> places_;
    number unused_ = none;
    std::vector<deadline> heap_;
    // A power of two, at most three quarters full, without gaps between a slot and where its hash points.
    std::vector<slot> slots_;
};

} // namespace acme
