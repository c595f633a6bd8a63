#include "core/gateway/fence.h"

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/gateway/probe.h"
#include "core/gateway/state_lock.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr int tries_at_most = 8;

// Locks of the process as a whole, so one list for all of it.
struct Held {
  std::mutex mutex;
  std::vector<GatewayFence::FileId> files;
};
Held& held() {
  static Held the_one;
  return the_one;
}

GatewayFence::FileId id_of(struct stat const& status) {
  return {status.st_dev, status.st_ino};
}

Error taken(std::string const& state_dir, int fd) {
  struct flock holder = gateway_lock_bytes(F_WRLCK);
  GatewayState const holder_state = probe_gateway(state_dir);
  if (is_held_by_command(holder_state))
    return make_error(Condition::refused, holder_state.detail + ", and holds the lock of the state directory " + state_dir,
                      "Wait until it ends, or end it, and try again. Nothing was changed", state_dir);
  std::string who = "a gateway";
  if (::fcntl(fd, F_OFD_GETLK, &holder) == 0 && holder.l_type != F_UNLCK && holder.l_pid > 0)
    who += " (pid " + std::to_string(holder.l_pid) + ")";
  return make_error(Condition::refused, who + " holds the lock of the state directory " + state_dir,
                    "Stop it (openclaw gateway stop) and try again. Nothing was changed", state_dir);
}

}  // namespace

Result<GatewayFence> GatewayFence::raise(std::string const& state_dir) {
  std::string const directory = gateway_lock_directory(state_dir);
  std::string const path = join_path(directory, gateway_lock_name);
  // As OpenClaw and SQLite make them, the umask applied.
  std::vector<std::string> made;
  for (auto const& [folder, mode] :
       {std::pair(state_dir, 0700U), std::pair(parent_path(directory), 0777U), std::pair(directory, 0700U)}) {
    if (path_exists(folder)) continue;
    B2B_TRY(make_directories(folder, mode));
    made.insert(made.begin(), folder);
  }
  if (!path_exists(path)) made.insert(made.begin(), path);
  for (int i = 0; i < tries_at_most; ++i) {
    B2B_ASSIGN(UniqueFd fd,
               open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, "open the gateway's lock", 0644));
    std::unique_lock guard(held().mutex);  // a probe that sees the lock sees whose it is
    struct flock lock = gateway_lock_bytes(F_WRLCK);
    if (::fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) {
      int const code = errno;
      guard.unlock();
      if (code == EAGAIN || code == EACCES) return taken(state_dir, fd.get());
      return errno_error(code, "take the gateway's lock", path);
    }
    // Nobody must have put another file in its place since it was opened.
    struct stat ours {};
    struct stat there {};
    if (::fstat(fd.get(), &ours) != 0) return errno_error(errno, "look at", path);
    if (::lstat(path.c_str(), &there) != 0 || id_of(ours) != id_of(there)) continue;
    held().files.push_back(id_of(ours));
    return GatewayFence(std::move(fd), id_of(ours), std::move(made));
  }
  return make_error(Condition::changed, "the gateway's lock " + path + " changes all the time", "Try again",
                    path);
}

GatewayFence::~GatewayFence() {
  if (!fd_) return;
  std::scoped_lock const guard(held().mutex);
  auto& files = held().files;
  auto const ours = std::find(files.begin(), files.end(), id_);
  if (ours != files.end()) files.erase(ours);
  // Still locked: whoever opens the file at this moment does not get it, and makes a new one when they try
  // again.
  for (std::string const& path : made_)
    if (::unlink(path.c_str()) != 0 && ::rmdir(path.c_str()) != 0) break;
  fd_.reset();
}

bool GatewayFence::holds(FileId const& file) {
  std::scoped_lock const guard(held().mutex);
  return std::find(held().files.begin(), held().files.end(), file) != held().files.end();
}

}  // namespace b2b
