// What OpenClaw's programs and its gateway answer: any bytes give a verdict or none, and texts that a terminal may show.
#include <cstdint>

#include "core/gateway/openclaw_output.h"
#include "core/util/encoding.h"
#include "core/util/error.h"

using namespace b2b;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text = as_text({data, size});
  if (auto const read = parse_preflight(text)) {
    B2B_ASSERT(!read->status.empty());
    for (char const c : read->status + read->reason) B2B_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  }
  std::string const version = parse_openclaw_version(text);
  for (char const c : version) B2B_ASSERT(static_cast<unsigned char>(c) > 0x20 && c != 0x7f);
  B2B_ASSERT(version.empty() || (version.front() >= '0' && version.front() <= '9'));
  Health const health = health_from(text);
  B2B_ASSERT(health != Health::well || text.find("200") == 9);
  return 0;
}
