#include "manager/core.hpp"
#include "protocol/host_name.hpp"

namespace acme {
namespace {

constexpr const char* step = "revocation";

// A key that others may have, or a host that is given up, is not served from then on.
bool still_served(revocation_reason r) noexcept
{
    return r != revocation_reason::key_compromise && r != revocation_reason::cessation_of_operation;
}

} // namespace

asio::awaitable<void> manager::core::revoke(std::string host, revocation_reason reason)
{
    auto name = normalize_host_name(host);
    if (!name)
        throw error(make_error_code(errc::invalid_host_name), step, name.why);
    if (stored_.contains(*name))
        co_await fetch(*name);
    certificate_ptr c;
    with_state([&](const state& s) {
        if (auto it = s.certificates.find(*name); it != s.certificates.end())
            c = it->second.certificate;
    });
    if (!c)
        throw error(make_error_code(errc::no_certificate), step).with_host(*name);
    auto ca = co_await registered_client();
    bool by_account = true;
    try {
        co_await ca->async_revoke(std::string(c->leaf_der()), reason);
    } catch (const error& e) {
        // Another account of this CA ordered it.
        by_account = e.code() != errc::unauthorized;
        if (by_account)
            throw e.with_host(*name);
    }
    if (!by_account)
        co_await ca->async_revoke(std::string(c->leaf_der()), reason, c->private_key());
    take_revocation(*name, c, reason);
    co_await save(keys_.certificate(*name));
    if (reason == revocation_reason::cessation_of_operation)
        co_await give_up(*name);
}

void manager::core::take_revocation(const std::string& host, const certificate_ptr& c, revocation_reason reason)
{
    bool served = still_served(reason);
    const bool given_up = reason == revocation_reason::cessation_of_operation;
    if (auto it = issuances_.find(host); given_up && it != issuances_.end())
        it->second->given_up = true;
    // Meanwhile it may have been replaced, and needs no second replacement.
    bool current = with_state([&](state& s) {
        auto it = s.certificates.find(host);
        if (it == s.certificates.end() || (it->second.certificate != c && !given_up))
            return false;
        it->second.plan.refresh_at = now();
        it->second.plan.retry_at = {};
        // What is lost with the record is only its plan: the next certificate has a key of its own in any case.
        if (!served) {
            s.certificates.erase(it);
            unwanted_[keys_.certificate(host)] = given_up ? nullptr : c;
        }
        auto order = s.orders.find(host);
        if (order != s.orders.end() && (given_up || order->second.certificate_key == c->private_key()))
            s.orders.erase(order);
        return true;
    });
    if (given_up)
        index_->certificates.erase(host, index_->certificates.find(host));
    else if (!served)
        index_->certificates.erase(host, c);
    certificate_revoked told{host, c, reason};
    tell(told);
    if (!current)
        return;
    schedule_.erase(host);
    due_.erase(host);
    group_.ceded.erase(host);
    changed({keys_.certificate(host), keys_.order(host)});
    bool replace = !given_up && manages(host) && !stopped_;
    if (replace && !issuances_.contains(host))
        start(host, served);
}

} // namespace acme
