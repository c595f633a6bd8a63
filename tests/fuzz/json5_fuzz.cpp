// JSON5: any bytes give a value or an error that names a place; what was read once reads the same in both
// dialects.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <boost/json/serialize.hpp>

#include "core/config/json5.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  b2b::Json5Positions positions;
  auto const strict = b2b::parse_json5(text, "input", {b2b::Json5Dialect::strict, &positions});
  auto const foreign = b2b::parse_json5(text, "input", {b2b::Json5Dialect::foreign, nullptr});
  if (strict) {
    // The strict dialect accepts less and means the same, and plain JSON is JSON5.
    B2B_ASSERT(foreign.has_value() && *foreign == *strict);
    auto const again = b2b::parse_json5(boost::json::serialize(*strict), "again");
    B2B_ASSERT(again.has_value() && *again == *strict);
  } else {
    B2B_ASSERT(strict.error().condition == b2b::Condition::bad_config);
    B2B_ASSERT(strict.error().message.starts_with("input:"));
  }
  for (auto const& [key, position] : positions)
    B2B_ASSERT(position.line >= 1 && position.column >= 1);
  return 0;
}
