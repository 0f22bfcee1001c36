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
    /// As it was saved.
    std::string value;
    /// For tls-alpn-01.
    certificate_ptr answer;
    /// For http-01.
    std::string token;
    http_challenge_ptr http_answer;
};

/// How the store is read for challenges that validations wait for.
struct challenge_readings
{
    /// What is waited for, by key; an empty one stands for all.
    std::multiset<std::string> wanted;
    bool is_active = false;
    /// How many there were.
    std::size_t begun = 0;
    std::size_t ended = 0;
    /// Whether the last one has read all that was wanted.
    bool complete = false;
    /// The keys that were heard of since the last load began.
    std::set<std::string> heard;
};

/// How long a refresh that is due is left to the manager whose turn it is.
inline constexpr std::chrono::minutes precedence{10};

/// Whether it was issued later.
bool is_newer(const certificate& a, const certificate& b) noexcept;

/// What a manager knows of the others on its store.
struct group
{
    /// Empty where the store tells nothing of others: a manager by itself.
    std::shared_ptr<subscription> changes;
    /// Why the store can't be reached; empty where it can.
    std::optional<error> cut_off;
    /// More has changed than was heard: the store is, or is to be, read anew.
    bool is_behind = false;
    /// The object of the shared limits as it was last seen.
    std::optional<std::string> limits;
    /// By how much the time of the shared limits is ahead of this machine's clock, once that is known.
    std::optional<std::chrono::system_clock::duration> ahead;
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

/// An issuance's place among those that want the host's lock: while it has the lock, this guards what is saved for the
/// host.
class host_lock
{
public:
    host_lock(group& g, std::string host)
        : group_(g)
        , host_(std::move(host))
    {}
    host_lock(const host_lock&) = delete;
    host_lock& operator=(const host_lock&) = delete;
    ~host_lock() { release(); }

    void take(std::unique_ptr<store::lock> lock)
    {
        lock_ = std::move(lock);
        if (lock_)
            group_.locks[host_] = lock_;
    }
    /// It goes with the last save that it guards.
    void release()
    {
        if (auto it = group_.locks.find(host_); lock_ && it != group_.locks.end() && it->second == lock_)
            group_.locks.erase(it);
        lock_.reset();
    }
    const std::shared_ptr<const store::lock>& get() const noexcept { return lock_; }

private:
    group& group_;
    std::string host_;
    std::shared_ptr<const store::lock> lock_;
};

} // namespace acme
