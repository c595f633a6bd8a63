// What a person reads when the system refuses to watch. Pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/watch/watch.h"

namespace b2b {

// inotify_add_watch refused `polled` of `all` directories with this errno; `limit` is fs.inotify.max_user_watches, 0: unknown.
WatchState too_few_watches(int error, std::size_t polled, std::size_t all, std::uint64_t limit);

// inotify_init1 failed with this errno; `limit` is fs.inotify.max_user_instances, 0: unknown.
WatchState no_watches(int error, std::uint64_t limit);

}  // namespace b2b
