// The snapshots of the packed layout under our prefix.
#pragma once

#include "core/engine/bucket.h"

namespace b2b {

// Appends them to `listing`. One list request for a thousand, and a read of each object that the index does not remember (`recheck`: of all).
// Where there is none, no key is asked for. A repository that cannot be opened (wrong_key, …) is the problem of each that is not remembered.
Result<void> list_packed(EngineContext& context, bool recheck, BucketListing& listing);

}  // namespace b2b
