#include "core/capture/spool.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <vector>

#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b {
namespace {

constexpr std::string_view name_prefix = "captured-";
constexpr std::uint64_t least_useful_bytes = 1 << 20;

// Removes what a crash left behind, and nothing that another program put there.
Result<void> remove_leftovers(std::string const& directory) {
  struct Close {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  std::unique_ptr<DIR, Close> const dir(::opendir(directory.c_str()));
  if (!dir) return errno_error(errno, "list the spool directory", directory);
  std::vector<std::string> leftovers;
  for (;;) {
    errno = 0;
    dirent const* const entry = ::readdir(dir.get());
    if (entry == nullptr) break;
    if (std::string_view(entry->d_name).starts_with(name_prefix)) leftovers.push_back(join_path(directory, entry->d_name));
  }
  if (errno != 0) return errno_error(errno, "list the spool directory", directory);
  for (auto const& path : leftovers)
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error(errno, "remove", path);
  return {};
}

}  // namespace

struct Spool::State {
  std::string const directory;
  SpoolOptions const options;
  mutable std::mutex mutex;
  std::condition_variable_any room_given_back;
  std::uint64_t on_disk = 0;
  std::uint64_t in_memory = 0;
  std::uint64_t disk_rooms = 0;
  std::uint64_t next_name = 0;

  Error no_room(std::uint64_t bytes, std::uint64_t free) const {
    return make_error(Condition::no_space,
                      "the spool " + directory + " has no room for a file of " + std::to_string(bytes) + " bytes: " +
                          std::to_string(free) + " bytes are free on its disk, and " +
                          std::to_string(options.keep_free_bytes) + " of them are left alone",
                      "Free space there, or set dataDir to a larger disk", directory);
  }
  bool fits_on_disk(std::uint64_t bytes, std::uint64_t free) const {
    return free >= options.keep_free_bytes && free - options.keep_free_bytes >= bytes;
  }
};

Spool::Spool(std::string directory, SpoolOptions const& options)
    : state_(new State{std::move(directory), options, {}, {}, 0, 0, 0, 0}) {}

Spool::~Spool() = default;

Result<std::shared_ptr<Spool>> Spool::open(std::string const& directory, SpoolOptions const& options) {
  B2B_TRY(make_directories(directory, 0700));
  struct stat status {};
  if (::lstat(directory.c_str(), &status) != 0) return errno_error(errno, "look at the spool directory", directory);
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)
    return make_error(Condition::refused,
                      "the spool directory " + directory + " must be a directory that only its owner, this user, can enter",
                      "Remove it, or run: chmod 700 '" + directory + "'", directory);
  B2B_TRY(remove_leftovers(directory));
  return std::shared_ptr<Spool>(new Spool(directory, options));
}

Result<std::shared_ptr<Spool::Room>> Spool::reserve(std::uint64_t bytes, bool may_be_in_memory,
                                                    std::stop_token const& stop) {
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  if (may_be_in_memory && bytes <= s.options.small_body_bytes && s.options.memory_bytes - s.in_memory >= bytes) {
    s.in_memory += bytes;
    return std::shared_ptr<Room>(new Room(shared_from_this(), bytes, true, {}));
  }
  for (;;) {
    auto const limit = s.options.limit_bytes;
    auto const within_limit = [&] { return s.disk_rooms == 0 || (s.on_disk < limit && bytes <= limit - s.on_disk); };
    bool const fits = s.room_given_back.wait(lock, stop, within_limit);
    if (!fits || stop.stop_requested())
      return make_error(Condition::cancelled, "stopped while waiting for room in the spool");
    B2B_ASSIGN(std::uint64_t const free, free_space(s.directory));
    if (s.fits_on_disk(bytes, free)) break;
    if (s.disk_rooms == 0) return s.no_room(bytes, free);
    // The disk is what is short: try again when a body has been uploaded.
    auto const rooms_before = s.disk_rooms;
    s.room_given_back.wait(lock, stop, [&] { return s.disk_rooms < rooms_before; });
    if (stop.stop_requested()) return make_error(Condition::cancelled, "stopped while waiting for room in the spool");
  }
  s.on_disk += bytes;
  ++s.disk_rooms;
  std::string path = join_path(s.directory, std::string(name_prefix) + std::to_string(s.next_name++));
  return std::shared_ptr<Room>(new Room(shared_from_this(), bytes, false, std::move(path)));
}

bool Spool::is_full() const {
  std::scoped_lock const lock(state_->mutex);
  if (state_->disk_rooms > 0) return false;
  auto const free = free_space(state_->directory);
  return !free || !state_->fits_on_disk(least_useful_bytes, *free);
}

std::uint64_t Spool::held_on_disk() const {
  std::scoped_lock const lock(state_->mutex);
  return state_->on_disk;
}

std::uint64_t Spool::held_in_memory() const {
  std::scoped_lock const lock(state_->mutex);
  return state_->in_memory;
}

Spool::Room::Room(std::shared_ptr<Spool> spool, std::uint64_t bytes, bool in_memory, std::string path)
    : spool_(std::move(spool)), bytes_(bytes), in_memory_(in_memory), path_(std::move(path)) {}

Spool::Room::~Room() {
  // ENOENT: nothing was written.
  if (!path_.empty() && ::unlink(path_.c_str()) != 0 && errno != ENOENT)
    log_warning(errno_error(errno, "remove", path_).text());
  State& s = *spool_->state_;
  {
    std::scoped_lock const lock(s.mutex);
    auto& held = in_memory_ ? s.in_memory : s.on_disk;
    B2B_ASSERT(held >= bytes_);
    held -= bytes_;
    if (!in_memory_) --s.disk_rooms;
  }
  s.room_given_back.notify_all();
}

Result<void> Spool::Room::resize(std::uint64_t bytes) {
  State& s = *spool_->state_;
  {
    std::scoped_lock const lock(s.mutex);
    auto& held = in_memory_ ? s.in_memory : s.on_disk;
    if (!in_memory_ && bytes > bytes_) {
      B2B_ASSIGN(std::uint64_t const free, free_space(s.directory));
      if (!s.fits_on_disk(bytes - bytes_, free)) return s.no_room(bytes - bytes_, free);
    }
    held = held - bytes_ + bytes;
    bytes_ = bytes;
  }
  s.room_given_back.notify_all();
  return {};
}

}  // namespace b2b
