#pragma once

#include <boost/asio/awaitable.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace acme {

/// Where a manager keeps its state: named objects, each replaced whole or not at all. Keys consist of `a-z 0-9 . _ -` and `/` between parts, 512 octets at most; values are text of
/// up to 1 MiB.
///
/// Thread safety: all members may be called from any thread, and awaited from any executor.
/// Errors: awaitables throw `acme::error` (`errc::damaged_state`, `foreign_state`, or the system's) that names the place and the cause.
/// Cancellation: terminal. A cancelled save may or may not have happened.
class store
{
public:
    /// A held lock. Destroying it releases it.
    class lock
    {
    public:
        virtual ~lock() = default;
    };

    virtual ~store() = default;

    /// The object's value; empty where there is none.
    virtual boost::asio::awaitable<std::optional<std::string>> async_load(std::string key) = 0;
    /// On return the value is durable.
    virtual boost::asio::awaitable<void> async_save(std::string key, std::string value) = 0;
    /// Erasing what is not there is a success.
    virtual boost::asio::awaitable<void> async_erase(std::string key) = 0;
    /// The keys that begin with `prefix`, sorted.
    virtual boost::asio::awaitable<std::vector<std::string>> async_list(std::string prefix) = 0;
    /// Waits until nobody else holds the lock of that name, and takes it.
    virtual boost::asio::awaitable<std::unique_ptr<lock>> async_lock(std::string name) = 0;
};

/// Keeps everything in memory; for tests and for managers of one process that share their certificates.
std::shared_ptr<store> make_memory_store();

/// One file, mode 0600, which holds all objects: what `manager::async_cache_file` uses. Fit for some hundreds of hosts, since each save writes the whole file; saves that
/// come while one is being written share the next.
///
/// A save writes a temporary file beside it, syncs it, renames it over the old one and syncs the folder, so the file is whole at any moment. Blocking calls run on a thread of
/// the store's own. The file is read once, here: a file that is absent is an empty store; one that is damaged (`errc::damaged_state`) or not this library's (`errc::foreign_state`), or
/// can't be read (the system's error), is refused with an error that names file, place and cause, and is left untouched.
///
/// Locks hold among the users of this object. Two processes must not use one file.
boost::asio::awaitable<std::shared_ptr<store>> async_open_file_store(std::filesystem::path path);

} // namespace acme
