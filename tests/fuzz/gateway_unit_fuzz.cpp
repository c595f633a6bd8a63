// A service file of the gateway: parsing ends, and the option is only found where its name stands.
#include <cstdint>

#include "core/gateway/launch.h"
#include "core/util/encoding.h"
#include "core/util/error.h"

using namespace b2b;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text = as_text({data, size});
  GatewayUnit const unit = parse_gateway_unit(text);
  B2B_ASSERT(!unit.allows_unconfigured || size > 20);
  B2B_ASSERT(unit.state_dir.size() <= size && unit.profile.size() <= size);
  return 0;
}
