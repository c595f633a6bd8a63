#include "core/capture/scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "core/capture/beneath.h"
#include "core/capture/metadata.h"
#include "core/capture/wal_key.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

struct OpenRoot {
  std::string label;
  std::string path;  // without a '/' at its end
  std::vector<std::string> leave_out;
  UniqueFd fd;
};

// A directory on the way. Nodes live as long as something below them is waiting.
struct Node {
  std::shared_ptr<Node> parent;
  OpenRoot const* root = nullptr;
  std::string relative;           // to the root; "" is the root itself
  Scope::Cover cover;
  std::optional<ScanItem> item;   // until it is reported; the unlabelled root never is

  bool taken() const { return Scope::verdict(cover) == Scope::Verdict::taken; }
};

std::string describe(int saved_errno) {
  if (saved_errno == EACCES || saved_errno == EPERM) return "permission denied";
  return std::generic_category().message(saved_errno);
}

bool is_gone(int saved_errno) { return saved_errno == ENOENT || saved_errno == ENOTDIR || saved_errno == ELOOP; }

char const* special_kind(mode_t mode) {
  if (S_ISSOCK(mode)) return "is a socket";
  if (S_ISFIFO(mode)) return "is a FIFO";
  return "is a device";
}

bool read_link(int directory_fd, char const* name, std::string& target) {
  for (std::size_t room = 256;; room *= 2) {
    target.resize(room);
    ssize_t const got = ::readlinkat(directory_fd, name, target.data(), room);
    if (got < 0) return false;
    if (static_cast<std::size_t>(got) < room) {
      target.resize(static_cast<std::size_t>(got));
      return true;
    }
  }
}

void take_xattrs(ScanItem& item, Xattrs found) {
  item.entry.xattrs = std::move(found.kept);
  item.attributes_left_out = std::move(found.left_out);
}

struct CloseDirectory {
  void operator()(DIR* dir) const { ::closedir(dir); }
};
using DirectoryStream = std::unique_ptr<DIR, CloseDirectory>;

class Scanner {
 public:
  Scanner(Scope const& scope, ScanCallbacks const& callbacks, std::stop_token stop)
      : scope_(scope), callbacks_(callbacks), stop_(std::move(stop)) {}

  void push(std::shared_ptr<Node> node) {
    {
      std::scoped_lock const lock(queue_mutex_);
      queue_.push_back(std::move(node));
    }
    ready_.notify_one();
  }

  void run(std::size_t threads) {
    std::vector<std::jthread> workers;
    for (std::size_t i = 1; i < threads; ++i) workers.emplace_back([this] { work(); });
    work();
  }

 private:
  void work() {
    std::unique_lock lock(queue_mutex_);
    for (;;) {
      ready_.wait(lock, [this] { return !queue_.empty() || working_ == 0; });
      if (queue_.empty()) return;
      // Last in, first out: the deepest directories first, so that few wait at a time.
      auto node = std::move(queue_.back());
      queue_.pop_back();
      ++working_;
      lock.unlock();
      if (!stop_.stop_requested()) visit(node);
      node.reset();
      lock.lock();
      --working_;
      if (queue_.empty() && working_ == 0) ready_.notify_all();
    }
  }

  void visit(std::shared_ptr<Node> const& node) {
    OpenRoot const& root = *node->root;
    UniqueFd fd = node->relative.empty() ? UniqueFd(::openat(root.fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC))
                                         : open_beneath(root.fd.get(), node->relative, O_RDONLY | O_DIRECTORY);
    if (!fd) {
      int const saved_errno = errno;
      if (!is_gone(saved_errno) && node->item && node->taken()) report(node, std::nullopt);
      return skip_errno(entry_path(*node, {}), saved_errno);
    }
    struct stat marker {};
    if (::fstatat(fd.get(), std::string(private_capture_marker).c_str(), &marker, AT_SYMLINK_NOFOLLOW) == 0) return;
    // Only now is it known that the directory itself may be named.
    if (node->item && node->taken()) report(node, std::nullopt);

    int const directory_fd = fd.get();
    DirectoryStream const stream(::fdopendir(fd.release()));
    if (!stream) return skip_errno(entry_path(*node, {}), errno);
    for (;;) {
      if (stop_.stop_requested()) return;
      errno = 0;
      dirent const* const found = ::readdir(stream.get());
      if (found == nullptr) break;
      std::string_view const name(found->d_name);
      if (name != "." && name != "..") look_at(node, directory_fd, *found);
    }
    if (errno != 0) skip_errno(entry_path(*node, {}), errno);
  }

  void look_at(std::shared_ptr<Node> const& parent, int directory_fd, dirent const& found) {
    std::string path = entry_path(*parent, found.d_name);
    auto taken = [](Scope::Cover const& cover) { return Scope::verdict(cover) == Scope::Verdict::taken; };
    // Most of what is out of scope is left alone by its name, without asking the file system.
    auto cover = scope_.cover(parent->cover, path, found.d_type == DT_DIR);
    if (found.d_type == DT_DIR ? !scope_.may_take_below(cover, path) : found.d_type != DT_UNKNOWN && !taken(cover)) return;

    struct stat status {};
    if (::fstatat(directory_fd, found.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return skip_errno(std::move(path), errno);
    ScanItem item;
    item.entry.path = std::move(path);
    item.absolute = join_path(parent->root->path, relative_path(*parent, found.d_name));
    item.root_bytes = parent->root->path.size();
    item.device = status.st_dev;
    item.links = status.st_nlink;
    set_metadata(item.entry, status);

    // The name may stand for something else by now.
    if (S_ISDIR(status.st_mode) != (found.d_type == DT_DIR))
      cover = scope_.cover(parent->cover, item.entry.path, S_ISDIR(status.st_mode));
    if (S_ISDIR(status.st_mode)) {
      if (!scope_.may_take_below(cover, item.entry.path)) return;
      auto const& leave_out = parent->root->leave_out;
      if (std::find(leave_out.begin(), leave_out.end(), item.absolute) != leave_out.end()) return;
      item.entry.type = EntryType::directory;
      take_xattrs(item, xattrs(directory_fd, found.d_name));
      auto node = std::make_shared<Node>();
      node->parent = parent;
      node->root = parent->root;
      node->relative = relative_path(*parent, found.d_name);
      node->cover = cover;
      node->item = std::move(item);
      return push(std::move(node));
    }
    if (!taken(cover)) return;
    if (S_ISLNK(status.st_mode)) {
      item.entry.type = EntryType::symlink;
      if (!read_link(directory_fd, found.d_name, item.entry.target)) return skip_errno(std::move(item.entry.path), errno);
    } else if (S_ISREG(status.st_mode)) {
      item.entry.type = EntryType::file;
      item.entry.size = static_cast<std::uint64_t>(status.st_size);
      item.entry.stat = stat_key(status);
      read_wal_key_at(directory_fd, found.d_name, item.entry.stat);
      take_xattrs(item, xattrs(directory_fd, found.d_name));
    } else {
      return skip({std::move(item.entry.path), SkipReason::by_rule, special_kind(status.st_mode)});
    }
    report(parent, std::move(item));
  }

  // Reports the directories above that were not yet, then `item`.
  void report(std::shared_ptr<Node> const& node, std::optional<ScanItem> item) {
    std::scoped_lock const lock(callback_mutex_);
    if (stop_.stop_requested()) return;
    std::vector<Node*> unreported;
    for (Node* above = node.get(); above != nullptr && above->item; above = above->parent.get()) unreported.push_back(above);
    for (auto above = unreported.rbegin(); above != unreported.rend(); ++above) {
      hand_over(std::move(*(*above)->item));
      (*above)->item.reset();
    }
    if (item) hand_over(std::move(*item));
  }

  void hand_over(ScanItem item) {
    std::optional<Skip> left_out;
    if (!item.attributes_left_out.empty()) left_out = {item.entry.path, SkipReason::attributes, item.attributes_left_out};
    callbacks_.entry(std::move(item));
    if (left_out) callbacks_.skip(std::move(*left_out));
  }

  void skip(Skip skip) {
    std::scoped_lock const lock(callback_mutex_);
    callbacks_.skip(std::move(skip));
  }

  void skip_errno(std::string path, int saved_errno) {
    if (path.empty()) path = ".";  // the unlabelled root itself
    if (is_gone(saved_errno)) return skip({std::move(path), SkipReason::vanished, "vanished while the tree was scanned"});
    skip({std::move(path), SkipReason::unreadable, describe(saved_errno)});
  }

  static std::string relative_path(Node const& parent, std::string_view name) {
    return parent.relative.empty() ? std::string(name) : join_path(parent.relative, name);
  }

  // Below `parent`; with an empty name the directory's own.
  static std::string entry_path(Node const& parent, std::string_view name) {
    std::string const relative = name.empty() ? parent.relative : relative_path(parent, name);
    if (parent.root->label.empty()) return relative;
    return relative.empty() ? parent.root->label : join_path(parent.root->label, relative);
  }

  static Xattrs xattrs(int directory_fd, char const* name) {
    return read_xattrs("/proc/self/fd/" + std::to_string(directory_fd) + "/" + name);
  }

  Scope const& scope_;
  ScanCallbacks const& callbacks_;
  std::stop_token const stop_;
  std::mutex queue_mutex_;
  std::condition_variable ready_;
  std::vector<std::shared_ptr<Node>> queue_;
  std::size_t working_ = 0;
  std::mutex callback_mutex_;  // also guards Node::item of nodes with a child in the queue
};

Result<OpenRoot> open_root(Root const& root) {
  OpenRoot out{root.label, root.path, root.leave_out, {}};
  while (out.path.size() > 1 && out.path.back() == '/') out.path.pop_back();
  B2B_ASSIGN(out.fd, open_file(out.path, O_RDONLY | O_DIRECTORY, "list"));
  struct stat marker {};
  if (::fstatat(out.fd.get(), std::string(private_capture_marker).c_str(), &marker, AT_SYMLINK_NOFOLLOW) == 0)
    return make_error(Condition::refused,
                      out.path + " holds the file " + std::string(private_capture_marker) +
                          ": it is a private copy that OpenClaw made during an update, not a state directory",
                      "Set stateDir to the state directory itself", out.path);
  return out;
}

}  // namespace

Result<void> scan(std::vector<Root> const& roots, Scope const& scope, std::size_t threads, ScanCallbacks const& callbacks,
                  std::stop_token const& stop) {
  std::vector<OpenRoot> opened;
  opened.reserve(roots.size());
  for (auto const& root : roots) {
    auto next = open_root(root);
    if (next) {
      opened.push_back(std::move(*next));
    } else if (root.label.empty()) {
      return next.error();
    } else {
      callbacks.skip({root.label, next.error().condition == Condition::not_found ? SkipReason::vanished : SkipReason::unreadable,
                      next.error().message});
    }
  }
  Scanner scanner(scope, callbacks, stop);
  for (auto const& root : opened) {
    auto node = std::make_shared<Node>();
    node->root = &root;
    if (!root.label.empty()) {
      struct stat status {};
      if (::fstat(root.fd.get(), &status) != 0) return errno_error(errno, "look at", root.path);
      ScanItem item;
      item.entry.path = root.label;
      item.entry.type = EntryType::directory;
      take_xattrs(item, read_xattrs(root.fd.get()));
      set_metadata(item.entry, status);
      item.absolute = root.path;
      item.root_bytes = root.path.size();
      item.device = status.st_dev;
      item.links = status.st_nlink;
      node->cover = scope.cover({}, root.label, true);
      node->item = std::move(item);
    }
    scanner.push(std::move(node));
  }
  scanner.run(std::max<std::size_t>(threads, 1));
  if (stop.stop_requested()) return make_error(Condition::cancelled, "stopped while scanning the files");
  return {};
}

}  // namespace b2b
