#include "manager/certificate_index.hpp"

#include <algorithm>
#include <utility>

namespace acme {

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
    if (!it->second.looked_for)
        it->second.looked_for = true;
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
    place.looked_for = true;
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

std::optional<std::string> certificate_index::cold_in_bucket(shard& s, std::size_t bucket)
{
    std::optional<std::string> cold;
    for (auto it = s.certificates.cbegin(bucket); it != s.certificates.cend(bucket); ++it)
        if (!std::exchange(it->second.looked_for, false) && !cold)
            cold = it->first;
    return cold;
}

std::optional<std::string> certificate_index::next_cold()
{
    std::lock_guard hand(hand_mutex_);
    // Once round to cool all down, and once more to meet one that nobody looked for meanwhile.
    for (std::size_t visits = 0; visits <= 2 * shard_count;) {
        auto& s = shards_[hand_shard_];
        std::lock_guard lock(s.mutex);
        if (s.certificates.empty() || hand_bucket_ >= s.certificates.bucket_count()) {
            hand_shard_ = (hand_shard_ + 1) % shard_count;
            hand_bucket_ = 0;
            ++visits;
            continue;
        }
        if (auto cold = cold_in_bucket(s, hand_bucket_++))
            return cold;
    }
    return std::nullopt;
}

} // namespace acme
