#include "manager/core.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <stdexcept>

// Certificates that the application supplies.
namespace acme {

void manager::core::add_certificate(certificate_ptr own)
{
    if (!own || own->names().empty())
        throw std::invalid_argument("add_certificate: a certificate with names is needed");
    for (const auto& name : own->names())
        index_->own.insert(name, own);
    auto watch_there = [weak = weak_from_this(), own] {
        if (auto self = weak.lock())
            self->watch_end(own);
    };
    asio::post(strand_, std::move(watch_there));
}

void manager::core::remove_certificate(const certificate_ptr& own)
{
    if (!own)
        return;
    for (const auto& name : own->names())
        index_->own.erase(name, own);
    auto reload_there = [weak = weak_from_this()] {
        if (auto self = weak.lock())
            self->reload();
    };
    asio::post(strand_, std::move(reload_there));
}

// Whether certificates of a host are to be ordered and refreshed.
bool manager::core::manages(const std::string& host) const
{
    return allowed(host) && !index_->own.find_or_wildcard(host);
}

void manager::core::watch_end(const certificate_ptr& own)
{
    if (stopped_)
        return;
    const auto end = own->not_after();
    const auto near = end - (end - own->not_before()) / 6;
    if (end > now())
        own_ends_.emplace(near, own);
    own_ends_.emplace(end, own);
    ensure_supervised();
    wake();
}

void manager::core::tell_of_ends()
{
    while (!own_ends_.empty() && own_ends_.begin()->first <= now()) {
        const auto own = own_ends_.begin()->second.lock();
        own_ends_.erase(own_ends_.begin());
        const auto is_served = [&](const std::string& name) { return index_->own.find(name) == own; };
        if (own && std::ranges::any_of(own->names(), is_served))
            tell(certificate_expiring{own});
    }
}

} // namespace acme
