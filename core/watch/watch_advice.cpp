#include "core/watch/watch_advice.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace b2b {
namespace {

std::string sysctl(std::string const& name, std::uint64_t value) {
  std::string const setting = "fs.inotify." + name + "=" + std::to_string(value);
  return "run: sudo sysctl " + setting + " (and put " + setting + " into /etc/sysctl.d/60-b2backupd.conf to keep it)";
}

std::string limit_text(std::uint64_t limit) { return limit == 0 ? std::string() : " (now " + std::to_string(limit) + ")"; }

}  // namespace

WatchState too_few_watches(int error, std::size_t polled, std::size_t all, std::uint64_t limit) {
  WatchState out{WatchState::Kind::degraded, {}, {}};
  std::string const count = std::to_string(polled) + " of " + std::to_string(all) + " directories are polled instead of watched: ";
  if (error != ENOSPC) {
    out.reason = count + "the system refuses to watch them: " + std::strerror(error);
    return out;
  }
  out.reason = count + "the user's limit of inotify watches, fs.inotify.max_user_watches" + limit_text(limit) + ", is reached; " +
               std::to_string(polled) + " more are needed";
  // Twice what is missing: the limit is shared by all programs of the user, and trees grow.
  constexpr std::uint64_t step = 65536;
  std::uint64_t const wanted = std::max<std::uint64_t>(limit, all) + 2 * static_cast<std::uint64_t>(polled);
  out.advice = sysctl("max_user_watches", (wanted / step + 1) * step);
  return out;
}

WatchState no_watches(int error, std::uint64_t limit) {
  WatchState out{WatchState::Kind::degraded, {}, {}};
  if (error == EMFILE) {
    out.reason = "the tree is polled instead of watched: the user's limit of inotify instances, fs.inotify.max_user_instances" +
                 limit_text(limit) + ", is reached, or this process has too many files open";
    out.advice = sysctl("max_user_instances", std::max<std::uint64_t>(2 * limit, 512));
  } else {
    out.reason = std::string("the tree is polled instead of watched: inotify is not available: ") + std::strerror(error);
  }
  return out;
}

}  // namespace b2b
