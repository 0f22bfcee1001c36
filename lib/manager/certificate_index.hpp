#pragma once

#include <acme/certificate.hpp>

#include <array>
#include <functional>
#include <mutex>
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

private:
    struct hash
    {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
    };
    struct shard
    {
        mutable std::mutex mutex;
        std::unordered_map<std::string, certificate_ptr, hash, std::equal_to<>> certificates;
    };

    static constexpr std::size_t shard_count = 64;
    shard& shard_of(std::string_view host) noexcept;
    const shard& shard_of(std::string_view host) const noexcept;

    std::array<shard, shard_count> shards_;
};

} // namespace acme
