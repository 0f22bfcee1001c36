#pragma once

#include "store/change_queue.hpp"
#include "store/durable_file.hpp"
#include "store/object.hpp"
#include "store/wakeup.hpp"
#include "store/worker.hpp"

#include <acme/error.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace acme {

/// The objects of a file store, in memory, and their way to the disk. Everything that is under way shares it, so it
/// outlives the store where it must; the worker does not.
class file_contents : public std::enable_shared_from_this<file_contents>
{
public:
    file_contents(const std::filesystem::path& path, worker& w);

    /// Reads the file, on the worker.
    boost::asio::awaitable<void> async_open();
    /// What the object's value must be before a change.
    using condition = std::optional<std::optional<std::string>>;
    /// Applies the change (no value: erases) at once, and completes when it is durable. False where the condition was
    /// not met.
    boost::asio::awaitable<bool> async_change(
        std::string key, std::optional<std::string> value, condition expected = std::nullopt);

    std::optional<std::string> find(std::string_view key) const;
    std::vector<std::string> list(std::string_view prefix) const;
    std::unique_ptr<subscription> watch(std::string prefix) { return subscribers_.subscribe(std::move(prefix)); }

    /// The worker ends: no more changes.
    void close();

private:
    struct waiter
    {
        std::uint64_t change = 0;
        wakeup::notifier notify;
        bool refused = false;
        std::optional<error> failure;
    };

    static boost::asio::awaitable<void> open(std::shared_ptr<file_contents> self);
    static boost::asio::awaitable<bool> change(
        std::shared_ptr<file_contents> self, std::string key, std::optional<std::string> value, condition expected);

    bool apply(
        std::string key, std::optional<std::string> value, const condition& expected, const std::shared_ptr<waiter>& w);
    void take_over(objects theirs);
    void read();
    void write();
    objects merged();
    void finish(std::uint64_t change, const std::optional<error>& failure);

    const durable_file file_;
    mutable std::mutex mutex_;
    worker* worker_;
    objects objects_;
    change_publisher subscribers_;
    std::vector<std::shared_ptr<waiter>> waiters_;
    // Changes are counted: those up to durable_ are on the disk.
    std::uint64_t changes_ = 0;
    std::uint64_t durable_ = 0;
    bool write_posted_ = false;
    // The keys of changes that are not on the disk yet, each with its last change.
    std::map<std::string, std::uint64_t, std::less<>> pending_;
    // The file as it was last read or written here; used by the worker only.
    std::optional<file_version> seen_;
};

} // namespace acme
