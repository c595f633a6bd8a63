// The inotify watcher, with its system calls exchangeable. For this layer and its tests; others use watch.h.
#pragma once

#include <memory>

#include "core/watch/watch.h"
#include "core/watch/watch_system.h"

namespace b2b {

// `system` must outlive the watcher.
std::unique_ptr<Watcher> make_inotify_watcher(boost::asio::any_io_executor executor, WatchOptions options,
                                              WatchCallbacks callbacks, WatchSystem& system);

}  // namespace b2b
