#include "core/capture/wal_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string>

#include "core/capture/metadata.h"
#include "core/capture/scan.h"
#include "core/util/fd.h"

namespace b2b {
namespace {

// https://www.sqlite.org/fileformat2.html#the_write_ahead_log: a header of 32 bytes, the two salts in bytes 16 to 23. They
// change whenever the log starts over from its beginning.
constexpr off_t salt_offset = 16;

}  // namespace

void read_wal_key_at(int directory_fd, char const* name, StatKey& key) {
  key.wal_size = 0;
  key.wal_mtime_ns = 0;
  key.wal_salt = 0;
  std::string const wal = std::string(name) + "-wal";
  struct stat status {};
  if (::fstatat(directory_fd, wal.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode)) return;
  if (status.st_size == 0) return;
  StatKey const wal_key = stat_key(status);
  key.wal_size = wal_key.size;
  key.wal_mtime_ns = wal_key.mtime_ns;
  UniqueFd const fd(::openat(directory_fd, wal.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  std::array<std::uint8_t, 8> salts{};
  if (!fd || ::pread(fd.get(), salts.data(), salts.size(), salt_offset) != static_cast<ssize_t>(salts.size())) return;
  for (auto const byte : salts) key.wal_salt = key.wal_salt << 8 | byte;
}

void read_wal_key(std::string const& path, StatKey& key) { read_wal_key_at(AT_FDCWD, path.c_str(), key); }

}  // namespace b2b
