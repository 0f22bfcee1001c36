#pragma once

#include <acme/store.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace acme {

/// Where etcd is, and how it is spoken to.
struct etcd_options
{
    /// The members' client URLs: "http://10.0.0.1:2379", "https://etcd-1.example:2379". At least one. The first that
    /// answers is used until it fails, then the next.
    std::vector<std::string> endpoints;
    /// What this store's keys in etcd begin with; a "/" follows. A group of machines shares one.
    std::string prefix = "acme";
    /// etcd's user authentication; none where `user` is empty. The password appears in no message.
    std::string user;
    std::string password;
    /// PEM file with the trust anchors for https endpoints, instead of the system's.
    std::string ca_file;
    /// PEM files with the client's certificate chain and its key, where etcd demands them. Together with users, the
    /// certificate's subject must have no common name: etcd's gateway refuses those which have one.
    std::string certificate_file;
    std::string key_file;
    /// Connecting to one member, including TLS.
    std::chrono::steady_clock::duration connect_timeout = std::chrono::seconds(2);
    /// One request to one member. The election of a new leader takes one to two seconds.
    std::chrono::steady_clock::duration request_timeout = std::chrono::seconds(5);
    /// One operation of the store, with all its attempts at all members.
    std::chrono::steady_clock::duration operation_timeout = std::chrono::seconds(15);
    /// A lock whose holder was killed, or is cut off, is free after this at the latest; from 2 seconds to an hour. It
    /// is renewed three times as often.
    std::chrono::seconds lease_duration = std::chrono::seconds(15);

    etcd_options() = default;
};

/// Options from a URL with the members' addresses and a prefix: "etcd://10.0.0.1:2379,10.0.0.2:2379/acme", with TLS
/// "etcds://...". The port is 2379 where it is left out; the prefix "acme". Throws `acme::error` (invalid_argument) for
/// anything else; a user and password are not taken from URLs, which end up in logs and lists of processes.
etcd_options parse_etcd_url(std::string_view url);

/// Objects, locks and subscriptions in etcd (v3, 3.4 or later), spoken to through its JSON gateway: what a group of
/// machines shares. In etcd an object has the key PREFIX/objects/KEY.
///
/// Every write goes through etcd's consensus, so that what a save returned from is neither lost nor read in an older
/// state while a majority of the members' disks survives. Reads are linearizable too.
///
/// Locks are keys below PREFIX/locks/, first come first served among all processes (within one: among its coroutines).
/// They hang on one lease of this process, which is renewed while one is held. It ends after `lease_duration` where the
/// process was killed or can't reach etcd; `lock::held()` becomes false at that time or a little earlier by a clock
/// that runs through suspension, and does not depend on the wall clocks of anybody. A guarded write is a transaction
/// that compares the lock's revision: whatever was delayed, it can't overwrite what a later holder wrote.
///
/// `watch` hears of every change by anybody. After a broken connection it goes on where it was, at another member if
/// need be; where etcd has compacted that away, the receiver is told `store_change::kind::anything`. All subscriptions
/// and waiting locks share one connection, which is there while they are. A member that hangs is noticed after three
/// request timeouts. After etcd was restored to an older state, the receiver is told `anything` too.
///
/// A write is repeated at other members where one gives no answer; what that one does with it later, once it is back,
/// has no effect. For that each write compares the key PREFIX/fence, which the next one changes. A save that is
/// cancelled, or fails for want of an answer, may still happen later, but not once a write that this store began after
/// it has succeeded (nor a guarded one, once the lock was lost). `async_exchange` is not repeated where it may have
/// happened already; it throws then.
///
/// Errors: `errc::store_unavailable` when no member gives an answer within the time limits, with each member's address
///     and cause; permission_denied where etcd refuses the user; `errc::damaged_state` for an object that is not text.
/// Thread safety, cancellation: a store's. An idle store has no timers or operations on its executor, but those of
///     `watch`. `executor` must outlive the store, its locks and its subscriptions.
/// Reads the TLS files before it returns; throws `acme::error` for those and for options that can't be used.
std::shared_ptr<store> make_etcd_store(boost::asio::any_io_executor executor, etcd_options options);

/// The same, and fails at once, with what `make_etcd_store` and its operations throw, unless one of the members answers
/// and lets the user read.
boost::asio::awaitable<std::shared_ptr<store>> async_open_etcd_store(
    boost::asio::any_io_executor executor, etcd_options options);

} // namespace acme
