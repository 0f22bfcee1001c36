#include "manager/core.hpp"
#include "protocol/challenge_choice.hpp"

/// Which kinds of challenge a host is validated by, and what came of them.
namespace acme {

// The kinds that an order for the host may use, the most promising first.
std::vector<std::string> manager::core::challenge_types(const std::string& host) const
{
    std::string succeeded, failed;
    with_state([&](const state& s) {
        if (auto it = s.certificates.find(host); it != s.certificates.end()) {
            succeeded = it->second.challenge;
            failed = it->second.failed_challenge;
        } else if (auto last = s.failures.find(host); last != s.failures.end()) {
            failed = last->second.failed_challenge;
        }
    });
    const bool http_served = http_side_.use_count() > 1;
    return in_order_of_experience(usable_challenges(options_.challenge_types, http_served), succeeded, failed);
}

// An order that needed no validation tells nothing new.
std::string manager::core::succeeded_challenge(const issuance& running) const
{
    if (!running.challenge.empty())
        return running.challenge;
    return with_state([&](const state& s) {
        auto it = s.certificates.find(running.host);
        return it == s.certificates.end() ? std::string() : it->second.challenge;
    });
}

// Where the failure itself is remembered already.
void manager::core::remember_failed_challenge(const issuance& running, const error& e)
{
    if (running.challenge.empty() || !is_validation_failure(e.code(), e.problem()))
        return;
    const auto& host = running.host;
    std::set<std::string> keys;
    with_state([&](state& s) {
        if (auto it = s.certificates.find(host); it != s.certificates.end()) {
            it->second.failed_challenge = running.challenge;
            keys.insert(keys_.certificate(host));
        } else if (auto last = s.failures.find(host); last != s.failures.end()) {
            last->second.failed_challenge = running.challenge;
            keys.insert(keys_.failure(host));
        }
    });
    changed(std::move(keys));
}

} // namespace acme
