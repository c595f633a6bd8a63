// Sizes, rates and lengths of time as text: any bytes give a bounded number or an error with advice, and what
// is written out reads as the same.
#include <cstdint>

#include "core/config/duration_text.h"
#include "core/config/size_text.h"
#include "core/util/encoding.h"

using namespace b2b;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text = as_text({data, size});
  if (auto const bytes = parse_size(text)) {
    B2B_ASSERT(*bytes <= 9'000'000'000'000'000'000ull);
    auto const again = parse_size(format_size(*bytes));
    B2B_ASSERT(again.has_value() && *again == *bytes);
    B2B_ASSERT(parse_rate(text).has_value());
  } else {
    B2B_ASSERT(bytes.error().condition == Condition::bad_config && !bytes.error().advice.empty());
  }
  if (auto const duration = parse_duration(text)) {
    B2B_ASSERT(duration->count() >= 0 && *duration <= std::chrono::hours(24 * 36'500));
    auto const again = parse_duration(format_duration(*duration));
    B2B_ASSERT(again.has_value() && *again == *duration);
  } else {
    B2B_ASSERT(duration.error().condition == Condition::bad_config && !duration.error().advice.empty());
  }
  return 0;
}
