#pragma once

#include <acme/error.hpp>
#include <acme/manager.hpp>
#include <acme/store.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace acme {

/// A challenge that another manager of the group has its CA validate.
struct shared_challenge
{
    /// For tls-alpn-01.
    certificate_ptr answer;
    /// For http-01.
    std::string token;
    http_challenge_ptr http_answer;
};

/// What a manager knows of the others on its store.
struct group
{
    /// Empty where the store tells nothing of others: a manager by itself.
    std::shared_ptr<subscription> changes;
    /// Why the store can't be reached; empty where it can.
    std::optional<error> cut_off;
    /// The object of the shared limits as it was last seen.
    std::optional<std::string> limits;
    /// By host, or the reverse name of an address.
    std::map<std::string, shared_challenge> challenges;
    /// The locks under which orders are under way here, by host.
    std::map<std::string, std::shared_ptr<const store::lock>> locks;
    /// By name.
    std::map<std::string, shared_value> values;
    /// This manager's name among the others; empty until it has one.
    std::string self;
    /// How many signs of life it gave, and the others, with its count when it heard of them last.
    unsigned signs = 0;
    std::map<std::string, unsigned> nodes;
    /// The hosts whose refresh is left to others, and since when.
    std::map<std::string, std::chrono::system_clock::time_point> ceded;
    /// The hosts whose orders, begun by others, are looked at in a while.
    std::set<std::string> looked_after;
};

/// Makes a host's lock guard what is saved for it, while it lives. Saves that are under way then keep the lock.
class guarding_lock
{
public:
    guarding_lock(group& g, std::string host, std::shared_ptr<const store::lock> lock)
        : group_(g)
        , host_(std::move(host))
    {
        if (lock)
            group_.locks[host_] = std::move(lock);
    }
    guarding_lock(const guarding_lock&) = delete;
    guarding_lock& operator=(const guarding_lock&) = delete;
    ~guarding_lock() { group_.locks.erase(host_); }

private:
    group& group_;
    std::string host_;
};

} // namespace acme
