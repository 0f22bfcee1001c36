#pragma once

#include <acme/store.hpp>

#include <memory>

namespace acme {

/// A shared store with a copy at hand of what was read from it and written to it: a node that starts, or goes on, while
/// the shared store can't be reached serves what its copy has.
///
/// Loading and listing ask `shared`, and `copy` where that fails with `errc::store_unavailable`, and for five seconds
/// after, unless something else has succeeded since it was asked: what is loaded under a lock is what is shared.
/// (Saving, erasing, exchanging and locking need the shared store.) The copy follows loads, saves, erasures and what
/// subscriptions receive; a list is of what it has. It may be older than what is shared, and must be no other node's.
/// What can't be written to it is left out; its errors are seen where it is needed.
///
/// Who wants both encrypted wraps this store, or each of them.
///
/// Thread safety, errors, cancellation, locks, subscriptions: those of the shared store.
std::shared_ptr<store> make_cached_store(std::shared_ptr<store> shared, std::shared_ptr<store> copy);

} // namespace acme
