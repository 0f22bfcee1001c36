#pragma once

#include <acme/certificate.hpp>

#include <array>
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

    /// A host whose certificate was not looked for since this function last came by; empty where there is none at all.
    /// Goes round and round (the CLOCK algorithm), so that those that are looked for often are never named.
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
        mutable bool looked_for = true;
    };
    struct shard
    {
        mutable std::mutex mutex;
        std::unordered_map<std::string, entry, hash, std::equal_to<>> certificates;
    };

    /// The first cold host of a bucket; cools down the others.
    static std::optional<std::string> cold_in_bucket(shard& s, std::size_t bucket);

    static constexpr std::size_t shard_count = 64;
    shard& shard_of(std::string_view host) noexcept;
    const shard& shard_of(std::string_view host) const noexcept;

    std::array<shard, shard_count> shards_;
    /// Where `next_cold` goes on.
    std::mutex hand_mutex_;
    std::size_t hand_shard_ = 0;
    std::size_t hand_bucket_ = 0;
};

} // namespace acme
