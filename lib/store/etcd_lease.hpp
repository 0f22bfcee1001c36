#pragma once

#include "store/etcd_gateway.hpp"

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace acme {

/// What this process has of etcd's time. Thread safety: `held` and `lose` from any thread.
class etcd_lease
{
public:
    etcd_lease(std::int64_t id, std::chrono::nanoseconds expiry) noexcept
        : id_(id)
        , expiry_(expiry)
    {}

    std::int64_t id() const noexcept { return id_; }
    std::chrono::nanoseconds remaining() const noexcept { return expiry_.load() - time_since_boot(); }
    bool held() const noexcept { return remaining().count() > 0; }

    void renew(std::chrono::nanoseconds expiry) noexcept { expiry_ = expiry; }
    void lose() noexcept { expiry_ = std::chrono::nanoseconds(0); }

private:
    const std::int64_t id_;
    std::atomic<std::chrono::nanoseconds> expiry_;
};

/// The leases of this process: one at a time, which all locks share. Everything is called on the gateway's strand.
class etcd_leases : public std::enable_shared_from_this<etcd_leases>
{
public:
    /// `on_loss` is called when one that was in use is gone.
    etcd_leases(std::shared_ptr<etcd_gateway> gateway, std::function<void()> on_loss);

    /// One user of a lease: it is renewed while there are any.
    class use
    {
    public:
        use() = default;
        use(std::shared_ptr<etcd_leases> owner, std::shared_ptr<etcd_lease> lease);
        use(use&&) noexcept = default;
        use& operator=(use&& other) noexcept;
        ~use();

        const std::shared_ptr<etcd_lease>& lease() const noexcept { return lease_; }

    private:
        std::shared_ptr<etcd_leases> owner_;
        std::shared_ptr<etcd_lease> lease_;
    };

    /// A lease with at least half of its time left. Throws `acme::error`.
    static boost::asio::awaitable<use> async_use(std::shared_ptr<etcd_leases> self);

private:
    static boost::asio::awaitable<void> grant(std::shared_ptr<etcd_leases> self);
    static boost::asio::awaitable<void> keep(std::shared_ptr<etcd_leases> self, std::shared_ptr<etcd_lease> lease);
    static boost::asio::awaitable<bool> renew(std::shared_ptr<etcd_leases> self, std::shared_ptr<etcd_lease> lease);
    bool in_use(const std::shared_ptr<etcd_lease>& lease) const noexcept { return lease == current_ && users_ != 0; }
    void release(const std::shared_ptr<etcd_lease>& lease);

    const std::shared_ptr<etcd_gateway> gateway_;
    const std::function<void()> on_loss_;
    slots grant_turn_{1};
    std::shared_ptr<etcd_lease> current_;
    std::size_t users_ = 0;
    // While it runs, it renews `current_`.
    bool keeping_ = false;
    boost::asio::steady_timer next_renewal_;
};

} // namespace acme
