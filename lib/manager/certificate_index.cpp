#include "manager/certificate_index.hpp"

#include <algorithm>

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
    return it == s.certificates.end() ? nullptr : it->second;
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
    earlier = std::move(place);
    place = std::move(c);
}

void certificate_index::erase(std::string_view host, const certificate_ptr& c)
{
    auto& s = shard_of(host);
    std::lock_guard lock(s.mutex);
    if (auto it = s.certificates.find(host); it != s.certificates.end() && it->second == c)
        s.certificates.erase(it);
}

void certificate_index::clear()
{
    for (auto& s : shards_) {
        std::lock_guard lock(s.mutex);
        s.certificates.clear();
    }
}

} // namespace acme
