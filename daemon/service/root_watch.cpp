#include "daemon/service/root_watch.h"

#include <algorithm>
#include <utility>

#include "core/util/file.h"

namespace b2b::service {

RootWatch::RootWatch(boost::asio::any_io_executor executor, WatchCallbacks callbacks,
                     std::function<bool(std::string_view path)> may_skip_directory)
    : executor_(std::move(executor)), callbacks_(std::move(callbacks)), may_skip_directory_(std::move(may_skip_directory)) {}

void RootWatch::watch(std::vector<Root> const& roots) {
  std::erase_if(watched_, [&](auto const& entry) {
    return std::none_of(roots.begin(), roots.end(), [&](Root const& root) {
      return root.label == entry.first && root.path == entry.second.root.path && root.leave_out == entry.second.root.leave_out;
    });
  });
  for (Root const& root : roots)
    if (!watched_.contains(root.label)) add(root);
}

void RootWatch::stop() {
  for (auto& [label, watched] : watched_) watched.watcher->stop();
}

void RootWatch::add(Root const& root) {
  WatchOptions options;
  options.root = root.path;
  options.may_skip_directory = [this, root](std::string_view path) {
    std::string const absolute = join_path(root.path, path);
    if (std::find(root.leave_out.begin(), root.leave_out.end(), absolute) != root.leave_out.end()) return true;
    return may_skip_directory_(join_path(root.label, path));
  };
  WatchCallbacks callbacks;
  callbacks.changed = [this, label = root.label](std::string const& path) { callbacks_.changed(join_path(label, path)); };
  callbacks.desynced = callbacks_.desynced;
  callbacks.state = [this, label = root.label](WatchState const& state) { on_state(label, state); };
  Watched& watched = watched_[root.label];
  watched.root = root;
  watched.watcher = make_watcher(executor_, std::move(options), std::move(callbacks));
  watched.watcher->start();
}

void RootWatch::on_state(std::string const& label, WatchState state) {
  auto const found = watched_.find(label);
  if (found == watched_.end()) return;
  if (!label.empty() && state.kind == WatchState::Kind::gone) state = {};
  found->second.state = std::move(state);
  WatchState const* worst = &found->second.state;
  for (auto const& [other, watched] : watched_)
    if (watched.state.kind > worst->kind) worst = &watched.state;
  callbacks_.state(*worst);
}

}  // namespace b2b::service
