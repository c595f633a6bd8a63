// Marks are authenticated before they are parsed; what is accepted is what was given, byte for byte.
#include <cstdint>
#include <string>

#include "core/packed/marks.h"

using namespace b2b;
using namespace b2b::packed;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string const text(as_text({data, size}));
  auto const mark = parse_mark(text);
  if (!mark) {
    B2B_ASSERT(mark.error().condition == Condition::corrupt && !mark.error().message.empty());
    return 0;
  }
  B2B_ASSERT(format_mark(mark->owner, mark->packs) == text);
  return 0;
}
