// The `.env` parser: any bytes give names that are names, and lines that exist.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/config/dotenv.h"
#include "core/config/substitution.h"
#include "core/util/error.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  b2b::Dotenv const parsed = b2b::parse_dotenv(text);
  std::size_t total = 0;
  for (auto const& [name, value] : parsed.values) {
    B2B_ASSERT(!name.empty());
    total += name.size() + value.size();
  }
  B2B_ASSERT(total <= size);
  auto const lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  B2B_ASSERT(std::is_sorted(parsed.skipped_lines.begin(), parsed.skipped_lines.end()));
  for (std::size_t const line : parsed.skipped_lines)
    B2B_ASSERT(line >= 1 && line <= lines);

  // Substitution never loses text: with no variable set, only $${NAME} loses its first '$'.
  auto const substituted = b2b::substitute_variables(text, [](std::string_view) { return std::nullopt; });
  B2B_ASSERT(substituted.text.size() <= size);
  return 0;
}
