#pragma once

#include <acme/error.hpp>

#include <boost/asio/awaitable.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace acme {

/// One message of a `subscription`.
struct store_change
{
    enum class kind
    {
        /// An object has a new value.
        saved,
        /// An object is gone.
        erased,
        /// More may have changed than is told, so what matters is to be loaded again. It is the first message of a
        /// subscription, which begins now (the first after an `interrupted` where the store can't be reached yet).
        anything,
        /// The store can't be reached: nothing is heard until the next message. `failure` says why.
        interrupted,
        /// The store can be reached again. All that has changed meanwhile is told after this.
        resumed
    };

    kind what = kind::anything;
    /// Of the object that was saved or erased.
    std::string key;
    /// The new value, where it was saved.
    std::string value;
    /// Where it is interrupted.
    std::optional<error> failure;

    store_change() = default;
    explicit store_change(kind k)
        : what(k)
    {}
};

/// Tells what changes under a prefix, whoever changes it; a receiver's own changes as well. Destroying it, in any
/// thread, ends it; it may outlive the store.
class subscription
{
public:
    subscription() = default;
    subscription(const subscription&) = delete;
    subscription& operator=(const subscription&) = delete;
    virtual ~subscription() = default;

    /// The next message, in the order of the changes. Who receives slowly loses nothing but the details: what waits is
    /// bounded (1,024 messages, 16 MiB), and becomes one `anything` beyond that. One call at a time, from any executor;
    /// the subscription must outlive it. Throws `acme::error` with `errc::shut_down` once the store is destroyed and
    /// nothing waits. Cancellation: terminal; no message is lost by it.
    virtual boost::asio::awaitable<store_change> async_receive() = 0;
};

/// Where a manager keeps its state: named objects, each replaced whole or not at all. Keys consist of `a-z 0-9 . _ -`,
/// and `/` between parts, 512 octets at most; no part is empty, "." or "..". Values are UTF-8 text of up to 1 MiB.
///
/// Thread safety: all members may be called from any thread, and awaited from any executor, where they resume.
/// Errors: awaitables throw `acme::error` that names the place and the cause: the system's error, or
///     `boost::system::errc::invalid_argument` for a key or value outside these rules.
/// Cancellation: terminal; `boost::asio::error::operation_aborted`. A cancelled save may or may not have happened.
/// Lifetime: a store may be destroyed while operations are under way. They complete; those begun later may fail with
///     `errc::shut_down`.
class store
{
public:
    /// A held lock. Destroying it, in any thread, releases it; it may outlive the store and the executor it was taken
    /// on.
    class lock
    {
    public:
        lock() = default;
        lock(const lock&) = delete;
        lock& operator=(const lock&) = delete;
        virtual ~lock() = default;

        /// False once somebody else may hold it: its time ran out because the store could not be told in time that the
        /// holder lives. It is measured by a clock that is never set, and never becomes true again. Always true where
        /// locks end with their holders only. From any thread.
        virtual bool held() const noexcept { return true; }
    };

    store() = default;
    store(const store&) = delete;
    store& operator=(const store&) = delete;
    virtual ~store() = default;

    /// The object's value; empty where there is none.
    virtual boost::asio::awaitable<std::optional<std::string>> async_load(std::string key) = 0;
    /// On return the value is durable. After a failure the value may be there or not, now and after a restart, and a
    /// later save may make it durable.
    virtual boost::asio::awaitable<void> async_save(std::string key, std::string value) = 0;
    /// On return the object is gone for good. Erasing what is not there is a success.
    virtual boost::asio::awaitable<void> async_erase(std::string key) = 0;
    /// The keys that begin with `prefix` (any text; the empty one: all keys), sorted.
    virtual boost::asio::awaitable<std::vector<std::string>> async_list(std::string prefix) = 0;
    /// Waits until nobody else holds the lock of that name, and takes it. Names follow the rules of keys, and have
    /// nothing to do with the object of that name. First come, first served.
    virtual boost::asio::awaitable<std::unique_ptr<lock>> async_lock(std::string name) = 0;

    /// What follows has a default, so that a store of one's own need not have it.

    /// `async_save` and `async_erase` for who holds a lock of this store: where it was lost they change nothing, now or
    /// later, and throw `errc::lock_lost`. `guard` must outlive the operation. The default asks `guard.held()`, and
    /// saves: enough where locks end with their holders only.
    virtual boost::asio::awaitable<void> async_guarded_save(std::string key, std::string value, const lock& guard);
    virtual boost::asio::awaitable<void> async_guarded_erase(std::string key, const lock& guard);

    /// Saves `desired` where the object's value is `expected` (empty: where there is none), in one step. Whether it
    /// was; if not, nothing has changed. The default takes the lock with the name of the key meanwhile: it excludes who
    /// calls `async_exchange` for that key in the same way, and nobody else.
    virtual boost::asio::awaitable<bool> async_exchange(
        std::string key, std::optional<std::string> expected, std::string desired);

    /// Subscribes to the changes of keys that begin with `prefix` (any text), by all who use the same state: in this
    /// process, and elsewhere as far as the store hears of it. Null where the store can't tell, which is the default.
    virtual std::unique_ptr<subscription> watch(std::string prefix);
};

/// Keeps everything in memory; for tests and for managers of one process that share their certificates. Locks hold
/// among the users of this object.
std::shared_ptr<store> make_memory_store();

/// One file, mode 0600, which holds all objects: what `manager::async_cache_file` uses. Fit for some hundreds of hosts,
/// since each save writes the whole file; saves that come while one is being written share the next.
///
/// The file is read once, here, and must not exceed 1 GiB. A file that is absent is an empty store. One that is damaged
/// (`errc::damaged_state`), not this library's or a newer version's (`errc::foreign_state`), or can't be read, as when
/// its folder is absent (the system's error), is refused with an error that names file, place and cause, and is left
/// untouched.
///
/// A save writes a temporary file beside the file, syncs it, renames it over the file and syncs the folder, so the file
/// is whole at any moment, and what a crash leaves of a temporary file is removed when the file is opened next. Where
/// `path` is a symbolic link, the file behind it is replaced and the link stays. The values of a save that fails (a
/// full disk, say) are loaded from memory from then on, and the next save of any object writes them as well.
///
/// Blocking calls run on a thread of the store's own, which takes no signals. Destroying the store waits for the saves
/// that are under way. Locks hold among the users of this object.
///
/// Two processes, or two stores, may use one file: a save takes over what the other has saved meanwhile, so neither
/// loses an object of the other's; of an object that both save, the last one stays. They, and their subscriptions, hear
/// of each other only then. `async_exchange` compares with what was heard.
/// A file that somebody damages in between is not overwritten: saves fail (`errc::damaged_state`) until it is removed
/// or mended. One that is removed is written anew.
boost::asio::awaitable<std::shared_ptr<store>> async_open_file_store(std::filesystem::path path);

/// A folder with a file for each object: for servers beyond some hundreds of hosts. A change costs one small file,
/// however many there are. Opening it reads none of them, and listing 100,000 keys takes a tenth of a second.
///
/// The folder is made, mode 0700, where it is absent; its parent must be there. An empty one becomes a store. One that
/// has other things in it, or that a newer version of this library wrote, is refused (`errc::foreign_state`) and left
/// untouched. So is what is no folder, or can't be made or opened (the system's error). The folder is found by its
/// path at each operation: while it is gone (a disk that is not mounted) operations fail, and they succeed again as
/// soon as it is back. Links below it are not followed.
///
/// Key "a/b" is file "a/b=", mode 0600: a header line with version and SHA-256 of what follows, then the object as
/// JSON. A save writes a temporary file, syncs it, renames it into its place and syncs that folder, so a file is whole
/// at any moment, and a save that fails leaves the old value, or the new one where only the last step failed. What a
/// crash leaves of a temporary file is removed when the store is opened next. Folders that have become empty stay.
///
/// An object that fails its checksum, or is not a regular file of this library's (`errc::damaged_state`,
/// `errc::foreign_state`), or can't be read (the system's error), is listed, and loading it fails with an error that
/// names file and cause. It is left where it is until that object is saved or erased; the others are not affected.
///
/// Blocking calls run on six threads of the store's own, which take no signals: four that save and erase, those of one
/// key in the order in which they came, and two for all else. Destroying the store waits for the calls that are under
/// way.
///
/// Any number of processes of one machine and one user may use a folder: each sees what the others have saved, and of
/// an object that several save at once, one is there whole. Subscriptions tell what this store saves and erases. Locks
/// hold among all of them, and end with the process that holds them, however it ends. In one store they are served in
/// the order in which they were asked for; a lock that another process, or another store, holds is tried again five
/// times a second at least. The folder should be on a local file system: it must have locks (`fcntl`), and atomic
/// renaming.
boost::asio::awaitable<std::shared_ptr<store>> async_open_directory_store(std::filesystem::path path);

} // namespace acme
