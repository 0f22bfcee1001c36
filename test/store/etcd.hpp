#pragma once

#include "crypto/base64.hpp"
#include "kit/etcd.hpp"
#include "store/scratch.hpp"

#include <acme/etcd_store.hpp>

#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <thread>

namespace acme::test {

/// One member for all tests that do it no harm.
inline etcd_cluster& shared_etcd()
{
    static etcd_cluster cluster;
    return cluster;
}

/// With a prefix of its own, and leases that end in no test: what a lock's release did not bring about comes too late.
inline etcd_options options_for(const etcd_cluster& cluster)
{
    static int tests = 0;
    etcd_options options;
    options.endpoints = cluster.endpoints();
    options.prefix = "test/" + std::to_string(++tests);
    options.lease_duration = std::chrono::seconds(60);
    return options;
}

/// How many keys of the shared etcd stand for locks and for those who wait.
inline std::size_t lock_keys(const etcd_options& options)
{
    const auto below = options.prefix + "/locks";
    const std::string answer = shared_etcd().call("/v3/kv/range",
        R"({"key":")" + base64_encode(below + "/") + R"(","range_end":")" + base64_encode(below + "0") + R"("})");
    std::size_t count = 0;
    for (auto at = answer.find("\"key\""); at != answer.npos; at = answer.find("\"key\"", at + 1))
        ++count;
    return count;
}

/// Far less than a lease of `options_for`, and far more than what is asked for takes on a slow machine.
constexpr std::chrono::seconds patience(20);

/// Whether it comes true within that time.
template <class Condition>
bool soon(Condition condition, std::chrono::seconds limit = patience)
{
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition() && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return condition();
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
