#include "manager/certificate_index.hpp"

#include <algorithm>

namespace acme {
namespace {

// Of so many the coldest is found: nearly the coldest of all, at a fraction of the cost.
constexpr std::size_t sample = 64;

} // namespace

certificate_index::shard& certificate_index::shard_of(std::string_view host) noexcept
{
    return shards_[(hash()(host) >> 7) % shard_count];
}

const certificate_index::shard& certificate_index::shard_of(std::string_view host) const noexcept
{
    return shards_[(hash()(host) >> 7) % shard_count];
}

certificate_ptr certificate_index::find(std::string_view host) const noexcept
{
    const auto& s = shard_of(host);
    std::lock_guard lock(s.mutex);
    auto it = s.certificates.find(host);
    if (it == s.certificates.end())
        return nullptr;
    it->second.used = turn_.load(std::memory_order_relaxed);
    return it->second.certificate;
}

certificate_ptr certificate_index::find_or_wildcard(std::string_view host) const noexcept
{
    if (auto exact = find(host))
        return exact;
    auto dot = host.find('.');
    if (dot == 0 || dot == host.npos)
        return nullptr;
    std::array<char, 256> name;
    auto rest = host.substr(dot);
    if (rest.size() + 1 > name.size())
        return nullptr;
    name[0] = '*';
    std::copy(rest.begin(), rest.end(), name.begin() + 1);
    return find(std::string_view(name.data(), rest.size() + 1));
}

void certificate_index::insert(std::string host, certificate_ptr c)
{
    auto& s = shard_of(host);
    // What was there ends after the lock, on which handshakes wait.
    certificate_ptr earlier;
    std::lock_guard lock(s.mutex);
    auto& place = s.certificates[std::move(host)];
    earlier = std::move(place.certificate);
    place.certificate = std::move(c);
    place.used = turn_.fetch_add(1, std::memory_order_relaxed) + 1;
}

void certificate_index::erase(std::string_view host, const certificate_ptr& c)
{
    auto& s = shard_of(host);
    std::lock_guard lock(s.mutex);
    if (auto it = s.certificates.find(host); it != s.certificates.end() && it->second.certificate == c)
        s.certificates.erase(it);
}

void certificate_index::clear()
{
    for (auto& s : shards_) {
        std::lock_guard lock(s.mutex);
        s.certificates.clear();
    }
}

std::size_t certificate_index::size() const noexcept
{
    std::size_t all = 0;
    for (const auto& s : shards_) {
        std::lock_guard lock(s.mutex);
        all += s.certificates.size();
    }
    return all;
}

std::optional<std::string> certificate_index::next_cold()
{
    std::lock_guard hand(hand_mutex_);
    const auto turn = turn_.fetch_add(1, std::memory_order_relaxed) + 1;
    std::optional<std::string> coldest;
    std::uint32_t longest = 0;
    std::size_t seen = 0;
    for (std::size_t shards = 0; shards <= shard_count && seen < sample;) {
        const auto& s = shards_[hand_shard_];
        std::lock_guard lock(s.mutex);
        if (s.certificates.empty() || hand_bucket_ >= s.certificates.bucket_count()) {
            hand_shard_ = (hand_shard_ + 1) % shard_count;
            hand_bucket_ = 0;
            ++shards;
            continue;
        }
        for (auto it = s.certificates.cbegin(hand_bucket_); it != s.certificates.cend(hand_bucket_); ++it, ++seen) {
            const auto unused = turn - it->second.used;
            if (unused <= longest)
                continue;
            longest = unused;
            coldest = it->first;
        }
        ++hand_bucket_;
    }
    return coldest;
}

} // namespace acme
