// Many files of a packed snapshot at once: every stretch of a pack in which chunks of them lie is fetched once, several of them at a time, and
// its chunks are written straight to their places in the files, in whichever order they come. Nothing is kept but the list of what is wanted.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <stop_token>

#include "core/engine/fetch.h"
#include "core/engine/packed_list.h"

namespace b2b {

// As BodyFetcher::fetch_together(); `threads` requests at a time. Memory: some 5 MB, and what is under way (a chunk for each request).
// Files that are not `done` are gone when this returns.
Result<void> download_together(PackedList const& list, std::size_t threads, std::span<WantedBody const> wanted, BodyDone const& done,
                               std::stop_token const& stop);

}  // namespace b2b
