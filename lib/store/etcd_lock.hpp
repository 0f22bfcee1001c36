#pragma once

#include "store/etcd_fence.hpp"
#include "store/etcd_lease.hpp"
#include "store/etcd_watcher.hpp"
#include "store/key_lock.hpp"

#include <acme/store.hpp>

#include <atomic>
#include <memory>
#include <string>

namespace acme {

/// A lock in etcd: a key that hangs on this process's lease, held where no other one with its prefix was created before
/// it.
class etcd_lock final : public store::lock
{
public:
    /// The key, its lease and the place among this process's coroutines. Used on the strand only.
    struct claim;

    etcd_lock(strand s, std::unique_ptr<claim> c);
    /// Leaves it to the strand to remove the key.
    ~etcd_lock() override;

    bool held() const noexcept override;

    const std::string& key() const noexcept;
    std::int64_t revision() const noexcept;
    /// etcd said that the key is gone.
    void lose() const noexcept { lost_ = true; }

private:
    strand strand_;
    std::unique_ptr<claim> claim_;
    mutable std::atomic<bool> lost_ = false;
};

/// The locks of this process. Thread safety: on the gateway's strand.
class etcd_locks
{
public:
    /// Their keys begin with `prefix`.
    etcd_locks(std::shared_ptr<etcd_gateway> gateway, std::shared_ptr<etcd_fence> fence,
        std::shared_ptr<etcd_watcher> watcher, std::string prefix);

    static boost::asio::awaitable<std::unique_ptr<store::lock>> async_lock(
        std::shared_ptr<etcd_locks> self, std::string name);

private:
    friend struct etcd_lock::claim;

    static boost::asio::awaitable<bool> enter(std::shared_ptr<etcd_locks> self, etcd_lock::claim& c);
    static boost::asio::awaitable<bool> wait_for_turn(std::shared_ptr<etcd_locks> self, const etcd_lock::claim& c);
    static boost::asio::awaitable<void> release(std::shared_ptr<etcd_locks> self, std::unique_ptr<etcd_lock::claim> c);

    const std::shared_ptr<etcd_gateway> gateway_;
    const std::shared_ptr<etcd_fence> fence_;
    const std::shared_ptr<etcd_watcher> watcher_;
    const std::shared_ptr<etcd_leases> leases_;
    const std::string prefix_;
    const std::shared_ptr<key_lock_table> own_ = std::make_shared<key_lock_table>();
    std::uint64_t claims_ = 0;
};

} // namespace acme
