#include "core/watch/inotify.h"

#include <utility>

#include "core/watch/inotify_shell.h"

namespace b2b {
namespace {

class InotifyWatcher final : public Watcher {
 public:
  explicit InotifyWatcher(std::shared_ptr<InotifyShell> shell) : shell_(std::move(shell)) {}
  ~InotifyWatcher() override { shell_->stop(); }
  void start() override { shell_->start(); }
  void stop() override { shell_->stop(); }

 private:
  std::shared_ptr<InotifyShell> shell_;  // handlers hold it, too, and so may outlive this
};

}  // namespace

std::unique_ptr<Watcher> make_inotify_watcher(boost::asio::any_io_executor executor, WatchOptions options,
                                              WatchCallbacks callbacks, WatchSystem& system) {
  return std::make_unique<InotifyWatcher>(
      std::make_shared<InotifyShell>(std::move(executor), std::move(options), std::move(callbacks), system));
}

std::unique_ptr<Watcher> make_watcher(boost::asio::any_io_executor executor, WatchOptions options, WatchCallbacks callbacks) {
  return make_inotify_watcher(std::move(executor), std::move(options), std::move(callbacks), real_watch_system());
}

}  // namespace b2b
