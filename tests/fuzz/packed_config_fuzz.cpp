// A repository's configuration comes from a bucket that others can write to: any bytes give one with bounded
// sizes, which is written and read back as the same, or an error in words.
#include <cstdint>

#include "core/packed/config_object.h"
#include "core/util/encoding.h"

using namespace b2b;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const config = packed::parse_config(as_text({data, size}));
  if (!config) {
    B2B_ASSERT(config.error().condition == Condition::corrupt ||
               config.error().condition == Condition::unsupported);
    B2B_ASSERT(!config.error().message.empty() && !config.error().advice.empty());
    return 0;
  }
  B2B_ASSERT(packed::chunk_sizes_problem(config->data).empty() &&
             packed::chunk_sizes_problem(config->list).empty());
  auto const again = packed::parse_config(packed::format_config(*config));
  B2B_ASSERT(again && *again == *config);
  return 0;
}
