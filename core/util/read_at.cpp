#include "core/util/read_at.h"

#include <unistd.h>

#include <cerrno>

namespace b2b {

Result<std::size_t> read_at(int fd, std::span<std::uint8_t> buffer, std::uint64_t offset, std::string_view doing, std::string_view subject) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    ssize_t const got = ::pread(fd, buffer.data() + filled, buffer.size() - filled, static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error(errno, doing, subject);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

}  // namespace b2b
