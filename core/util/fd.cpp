#include "core/util/fd.h"

#include <unistd.h>

namespace b2b {

void UniqueFd::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace b2b
