#include "core/util/secret.h"

namespace b2b {

void wipe(void* data, std::size_t size) {
  auto volatile* p = static_cast<unsigned char volatile*>(data);
  for (std::size_t i = 0; i < size; ++i) p[i] = 0;
}

}  // namespace b2b
