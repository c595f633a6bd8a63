// A pointer to a restore's staging folder, and what stands beside a journal: any bytes are none, or what is written and read back the same.
#include <cstdint>

#include "core/engine/restore.h"
#include "core/engine/restore_pointer.h"
#include "core/util/encoding.h"

using namespace b2b;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const about = parse_interrupted(as_text({data, size}));
  auto const same = parse_interrupted(interrupted_text(about));
  B2B_ASSERT(same.snapshot == about.snapshot && same.gateway_ran == about.gateway_ran);
  auto const pointer = parse_restore_pointer("1", as_text({data, size}));
  if (!pointer) return 0;
  auto const again = parse_restore_pointer("1", format_restore_pointer(*pointer));
  B2B_ASSERT(again && *again == *pointer);
  return 0;
}
