#pragma once

#include <acme/certificate.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace acme {

/// Host name to certificate, read by TLS hooks from any thread. Sharded, so that a reader waits at most for the swap of
/// one pointer.
class certificate_index
{
public:
    /// Exact name only; `host` is normalised.
    certificate_ptr find(std::string_view host) const noexcept;
    /// Exact name, then the wildcard over its first label.
    certificate_ptr find_or_wildcard(std::string_view host) const noexcept;
    void insert(std::string host, certificate_ptr c);
    /// Erases the host's entry where it is still `c`.
    void erase(std::string_view host, const certificate_ptr& c);
    void clear();
    std::size_t size() const noexcept;
    /// Whether nothing was ever inserted; costs less than a lookup.
    bool empty() const noexcept { return turn_.load(std::memory_order_relaxed) == 0; }

    /// Of the next few hosts in turn, the one whose certificate was not looked for for longest; empty where there is
    /// none at all. To look for it makes it the last that is named again.
    std::optional<std::string> next_cold();

private:
    struct hash
    {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
    };
    struct entry
    {
        certificate_ptr certificate;
        /// The turn at which it was last looked for.
        mutable std::uint32_t used = 0;
    };
    struct shard
    {
        mutable std::mutex mutex;
        std::unordered_map<std::string, entry, hash, std::equal_to<>> certificates;
    };

    static constexpr std::size_t shard_count = 64;
    shard& shard_of(std::string_view host) noexcept;
    const shard& shard_of(std::string_view host) const noexcept;

    std::array<shard, shard_count> shards_;
    std::atomic<std::uint32_t> turn_{0};
    /// Where `next_cold` goes on.
    std::mutex hand_mutex_;
    std::size_t hand_shard_ = 0;
    std::size_t hand_bucket_ = 0;
};

} // namespace acme
