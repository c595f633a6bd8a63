// A store as it stood at a moment, for reading only: of each object the version that was the newest then, unless that is a hide marker. What was
// hidden, overwritten or added later makes no difference; what was deleted by version since is gone here, too.
#pragma once

#include <memory>

#include "core/store/store.h"

namespace b2b {

// `at`: by the store's clock. Errors: unsupported, the store keeps no versions; usage, `at` lies more than a minute in its future; the store's.
//
// Contract beyond that of every store:
//  - traits().name tells the moment, so that what is remembered of this store is not mixed up with what is remembered of `store`. now() is `at`.
//  - What writes (put, copy, remove_versions, remove_unfinished) fails with Condition::refused.
//  - list() and the first get() or head() of a key list versions: one request for a thousand of them, whatever `delimiter` is, and one more for
//    each key. The versions of the keys that were seen last are kept, some thousands of them.
//  - Thread-safe.
Result<std::shared_ptr<Store>> make_at_time_store(std::shared_ptr<Store> store, TimePoint at, std::stop_token const& stop);

}  // namespace b2b
