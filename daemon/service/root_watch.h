// Watches the state directory and the agents' directories outside of it as if they were one tree, whose paths are those of a
// snapshot. Everything on the executor's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/capture/scan.h"
#include "core/watch/watch.h"

namespace b2b::service {

class RootWatch {
 public:
  // `state` hears of the worst state of all roots: only the state directory is ever `gone`, since an agent's directory is
  // made when the agent is first used.
  RootWatch(boost::asio::any_io_executor executor, WatchCallbacks callbacks,
            std::function<bool(std::string_view path)> may_skip_directory);

  // From now on these, whether they are there or not; those that were watched already go on as they are.
  void watch(std::vector<Root> const& roots);
  void stop();

 private:
  struct Watched {
    Root root;
    std::unique_ptr<Watcher> watcher;
    WatchState state;
  };
  void add(Root const& root);
  void on_state(std::string const& label, WatchState state);

  boost::asio::any_io_executor executor_;
  WatchCallbacks callbacks_;
  std::function<bool(std::string_view path)> may_skip_directory_;
  std::map<std::string, Watched> watched_;  // by label
};

}  // namespace b2b::service
