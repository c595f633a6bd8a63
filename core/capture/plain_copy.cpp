#include "core/capture/plain_copy.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "core/capture/beneath.h"
#include "core/capture/metadata.h"
#include "core/crypto/digest_thread.h"
#include "core/util/encoding.h"
#include "core/util/wait.h"

namespace b2b {
namespace {

constexpr std::size_t buffer_bytes = 128 << 10;
// Kernels stamp files with a clock that ticks every 1 to 10 ms; network file systems are coarser.
constexpr std::int64_t timestamp_grain_ns = 100'000'000;

enum class Read { done, shorter, failed, target_failed, stopped };

// Reads the first `size` bytes of `fd` through `take`, each piece into what `room` gives.
template <class Room, class Take>
Read read_prefix(int fd, std::uint64_t size, Room const& room, std::stop_token const& stop, Take const& take) {
  for (std::uint64_t at = 0; at < size;) {
    if (stop.stop_requested()) return Read::stopped;
    std::span<std::uint8_t> const buffer = room();
    auto const wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size - at));
    ssize_t const got = ::pread(fd, buffer.data(), wanted, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Read::failed;
    if (got == 0) return Read::shorter;
    auto const bytes = std::span<std::uint8_t const>(buffer.data(), static_cast<std::size_t>(got));
    if (!take(bytes)) return Read::target_failed;
    at += bytes.size();
  }
  return Read::done;
}

std::size_t piece_bytes(LiveFile const& file) {
  return static_cast<std::size_t>(std::clamp<std::uint64_t>(file.size(), 1, buffer_bytes));
}

enum class Change { none, grew, other };

Change change_between(struct stat const& before, struct stat const& after) {
  StatKey const old_key = stat_key(before);
  StatKey const new_key = stat_key(after);
  if (old_key == new_key && before.st_dev == after.st_dev) return Change::none;
  bool const same_file = before.st_dev == after.st_dev && old_key.inode == new_key.inode && after.st_nlink > 0;
  return same_file && new_key.size > old_key.size ? Change::grew : Change::other;
}

bool changed_just_now(struct stat const& status, std::int64_t wall_now_ns) {
  return stat_key(status).ctime_ns > wall_now_ns - timestamp_grain_ns;
}

Error cancelled() { return make_error(Condition::cancelled, "stopped while copying the files"); }

}  // namespace

Result<LiveFile> open_live(std::string const& path, std::size_t root_bytes) {
  LiveFile file;
  file.path = path;
  // O_NOATIME is for the owner only; without it reading may touch the access time, which nothing here looks at.
  file.fd = open_in_root(path, root_bytes, O_RDONLY | O_NONBLOCK | O_NOATIME);
  if (!file.fd && errno == EPERM) file.fd = open_in_root(path, root_bytes, O_RDONLY | O_NONBLOCK);
  if (!file.fd) return errno_error(errno, "open", printable(path));
  if (::fstat(file.fd.get(), &file.before) != 0) return errno_error(errno, "look at", printable(path));
  if (!S_ISREG(file.before.st_mode))
    return make_error(Condition::unsupported, printable(path) + " is no longer a regular file", {}, path);
  return file;
}

Result<CopyAttempt> copy_once(std::vector<LiveFile>& files, CopyTarget const& target, std::int64_t wall_now_ns,
                              std::stop_token const& stop) {
  using Verdict = CopyAttempt::Verdict;
  CopyAttempt attempt;
  for (std::size_t i = 0; i < files.size(); ++i) {
    PieceDigest digest(files[i].size(), piece_bytes(files[i]));
    Result<void> written;
    auto const read = read_prefix(files[i].fd.get(), files[i].size(), [&] { return digest.room(); }, stop, [&](auto bytes) {
      digest.update(bytes.size());
      written = target(i, bytes);
      return written.has_value();
    });
    attempt.read_errno = read == Read::failed ? errno : 0;
    if (read == Read::stopped) return cancelled();
    if (read == Read::target_failed) return written.error();
    if (read == Read::failed) {
      attempt.verdict = Verdict::unreadable;
      return attempt;
    }
    if (read == Read::shorter) return attempt;  // changed
    attempt.sizes.push_back(files[i].size());
    attempt.hashes.push_back(digest.finish());
  }

  attempt.verdict = Verdict::stable;
  bool read_again = false;
  for (auto const& file : files) {
    struct stat after {};
    if (::fstat(file.fd.get(), &after) != 0) {
      attempt.verdict = Verdict::unreadable;
      attempt.read_errno = errno;
      return attempt;
    }
    Change const change = change_between(file.before, after);
    if (change == Change::other || (change == Change::grew && files.size() > 1)) {
      attempt.verdict = Verdict::changed;
      return attempt;
    }
    if (change == Change::grew) attempt.verdict = Verdict::grew;
    read_again = read_again || change == Change::grew || changed_just_now(file.before, wall_now_ns);
  }
  if (!read_again) return attempt;
  for (std::size_t i = 0; i < files.size(); ++i) {
    PieceDigest digest(files[i].size(), piece_bytes(files[i]));
    auto const read = read_prefix(files[i].fd.get(), files[i].size(), [&] { return digest.room(); }, stop, [&](auto bytes) {
      digest.update(bytes.size());
      return true;
    });
    if (read == Read::stopped) return cancelled();
    if (read != Read::done || digest.finish() != attempt.hashes[i]) {
      attempt.verdict = Verdict::changed;
      return attempt;
    }
  }
  return attempt;
}

void wait_for_writer(unsigned attempt, std::stop_token const& stop) {
  wait_unless_stopped(std::chrono::milliseconds(1U << std::min(2 * attempt, 8U)), stop);
}

}  // namespace b2b
