// Two versions of OpenClaw: at most one of them is newer, and none than itself.
#include <cstdint>

#include "core/engine/openclaw_version.h"
#include "core/util/encoding.h"
#include "core/util/error.h"

using namespace b2b;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text = as_text({data, size});
  std::string_view const a = text.substr(0, text.find('\n'));
  std::string_view const b = a.size() == text.size() ? std::string_view() : text.substr(a.size() + 1);
  B2B_ASSERT(!is_newer_openclaw(a, a) && !is_newer_openclaw(b, b));
  B2B_ASSERT(!is_newer_openclaw(a, b) || !is_newer_openclaw(b, a));
  return 0;
}
