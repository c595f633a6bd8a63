// Recovery codes as people type them: any bytes give 36 symbols that read as themselves, or an error with
// advice that repeats nothing. The first 20 bytes also make a code, in which each wrong symbol is found.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "core/packed/recovery_code.h"
#include "core/util/encoding.h"

using namespace b2b;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const parsed = packed::parse_recovery_code(Secret(as_text({data, size})));
  if (parsed) {
    B2B_ASSERT(parsed->reveal().size() == 36);
    auto const again = packed::parse_recovery_code(packed::show_recovery_code(*parsed));
    B2B_ASSERT(again && *again == *parsed);
  } else {
    B2B_ASSERT(parsed.error().condition == Condition::usage && !parsed.error().advice.empty());
    B2B_ASSERT(parsed.error().text().size() < 300);
  }
  if (size < 22) return 0;
  std::array<std::uint8_t, 20> bits{};
  std::copy(data, data + bits.size(), bits.begin());
  std::string code(packed::recovery_code_from(bits).reveal());
  B2B_ASSERT(packed::parse_recovery_code(Secret(code)).has_value());
  std::size_t const at = data[20] % code.size();
  char const before = code[at];
  code[at] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[data[21] % 32];
  if (code[at] == before) return 0;
  auto const wrong = packed::parse_recovery_code(Secret(code));
  B2B_ASSERT(!wrong && wrong.error().message.ends_with("group " + std::to_string(at / 4 + 1)));
  return 0;
}
