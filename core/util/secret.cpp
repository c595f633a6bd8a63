#include "core/util/secret.h"

#include <cstring>

namespace b2b {

void wipe(void* data, std::size_t size) {
  if (size == 0) return;
  std::memset(data, 0, size);
  asm volatile("" : : "r"(data) : "memory");  // for the compiler somebody reads it: so it is written
}

}  // namespace b2b
