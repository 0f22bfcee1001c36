#pragma once

#include "kit/etcd.hpp"
#include "store/scratch.hpp"

#include <acme/etcd_store.hpp>

#include <boost/asio/thread_pool.hpp>

namespace acme::test {

/// One member for all tests that do it no harm.
inline etcd_cluster& shared_etcd()
{
    static etcd_cluster cluster;
    return cluster;
}

/// With a prefix of its own, and times that fit a test.
inline etcd_options options_for(const etcd_cluster& cluster)
{
    static int tests = 0;
    etcd_options options;
    options.endpoints = cluster.endpoints();
    options.prefix = "test/" + std::to_string(++tests);
    options.lease_duration = std::chrono::seconds(3);
    return options;
}

/// A store with a thread of its own.
class etcd_node
{
public:
    explicit etcd_node(etcd_options options)
        : store_(make_etcd_store(pool_.get_executor(), std::move(options)))
    {}
    etcd_node(const etcd_node&) = delete;
    etcd_node& operator=(const etcd_node&) = delete;
    ~etcd_node() { stop(); }

    store* operator->() const { return store_.get(); }
    const std::shared_ptr<store>& get() const { return store_; }
    /// Ends the store, and returns when nothing of it is left at work.
    void stop()
    {
        store_.reset();
        pool_.join();
    }

private:
    asio::thread_pool pool_{1};
    std::shared_ptr<store> store_;
};

} // namespace acme::test
